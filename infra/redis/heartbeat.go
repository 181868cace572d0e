package redis

import (
	"context"

	"orderflow/domain/eventlog"
)

// heartbeat renews the life of all tags, so that readers go on believing them.
func (m *Mirror) heartbeat(ctx context.Context) {
	var going []*patch
	for g := range m.tags {
		for n := range m.tags[g] {
			if t := (tag{g, n}); m.sent[g] > 0 && !m.tags[g][n].down && !m.tags[g][n].reset {
				going = append(going, &patch{tag: t, keys: []string{m.keys.state(t)}})
			}
		}
	}
	if len(going) == 0 {
		return
	}
	m.exec(ctx, going, func(p *patch) ([]string, []any) {
		return p.keys, m.presence(m.sent[p.tag.group])
	}, m.r.keepScript)
	for _, p := range going {
		switch code, err := p.answer.Int(); {
		case err != nil:
			m.r.count(err)
			m.markDown(p.tag, err)
		case code == 0: // another projector is ahead, or these are rows of another log
			m.tags[p.tag.group][p.tag.n].known = false
		case code == 2:
			m.r.stats.epochs.Add(1)
			m.tags[p.tag.group][p.tag.n].known = true
		}
	}
}

// presence returns the arguments of scripts/keep.lua.
func (m *Mirror) presence(at eventlog.Position) []any {
	return []any{digits(at), newEpoch(), m.r.tagLife.Milliseconds()}
}

// down lists the tags that failed.
func (m *Mirror) down() (tags []tag) {
	for g := range m.tags {
		for n := range m.tags[g] {
			if m.tags[g][n].down {
				tags = append(tags, tag{g, n})
			}
		}
	}
	return tags
}

// probe sends the tags that Redis accepts again on well, once. It runs beside the
// mirror's own work.
func (m *Mirror) probe(ctx context.Context, tags []tag, well chan<- []tag) {
	var found []tag
	for _, t := range tags {
		err := m.r.call(ctx, t.breakerKey(), func(ctx context.Context) error {
			return m.r.client.Exists(ctx, m.keys.state(t)).Err()
		})
		if err == nil {
			found = append(found, t)
		}
	}
	well <- found
}

// markUp lets batches reach tags again. It resets tags with rows that must not be
// shown at once, because the next batch may be a long time away.
func (m *Mirror) markUp(ctx context.Context, well []tag) {
	for _, t := range well {
		m.tags[t.group][t.n].down = false
	}
	if len(well) > 0 && len(m.down()) == 0 {
		m.r.logger.Info("Redis can be written again")
	}
	for g := range m.tags {
		for n := range m.tags[g] {
			if state := m.tags[g][n]; state.reset && !state.down {
				m.send(ctx, shown{group: g, above: m.sent[g], to: m.sent[g]})
				break
			}
		}
	}
}
