package redis

import (
	"context"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"orderflow/domain/eventlog"
	"orderflow/readmodels"
)

// patch is the part of a batch that belongs to one tag.
type patch struct {
	tag     tag
	keys    []string // the tag's state, rows, figures
	rows    []any
	figures []any
	hashes  []string // keys of figures
	answer  *goredis.Cmd
}

// send brings one batch to all tags that are not down, in one round trip.
func (m *Mirror) send(ctx context.Context, s shown) {
	m.sent[s.group] = s.to
	patches, err := m.split(s.group, s.rows)
	if err != nil { // cannot happen with rows of a view; the tags begin a new epoch
		m.r.logger.Error("a batch cannot be mirrored", "error", err)
		m.r.stats.missed.Add(tagCount)
		return
	}
	var going []*patch
	for n := range patches {
		state := &m.tags[s.group][n]
		state.reset = state.reset || s.reset
		if state.down {
			m.r.stats.missed.Add(1)
			continue
		}
		going = append(going, &patches[n])
	}
	m.exec(ctx, going, func(p *patch) (keys []string, args []any) {
		return p.keys, p.arguments(m.mode(p.tag), s.above, s.to, m.r.tagLife.Milliseconds())
	}, m.r.apply)
	for _, p := range going {
		m.recordOutcome(p)
	}
}

// mode returns the mode argument for a tag; see scripts/apply.lua.
func (m *Mirror) mode(t tag) string {
	switch state := m.tags[t.group][t.n]; {
	case state.reset:
		return "reset"
	case !state.known:
		return "begin"
	}
	return "next"
}

// split sorts rows by tag; every tag gets a patch, for its position moves too.
func (m *Mirror) split(group int, rows readmodels.Rows) ([]patch, error) {
	patches := make([]patch, tagCount)
	for n := range patches {
		patches[n].tag = tag{group, n}
		patches[n].keys = []string{m.keys.state(patches[n].tag)}
	}
	if copied := mirroredViews[group]; rows[copied.view] != nil {
		set := rows[copied.view]
		for i := range set.Len() {
			text, err := copied.encode(set.At(i))
			if err != nil {
				return nil, err
			}
			t, key := m.keys.row(group, copied.view.Key(set.At(i)))
			patches[t.n].add(key, text)
		}
	}
	if group == stock {
		for _, row := range readmodels.StockView.In(rows) {
			t, key := m.keys.available(row.Warehouse, row.SKU)
			patches[t.n].hashes = append(patches[t.n].hashes, key)
			patches[t.n].figures = append(patches[t.n].figures, strconv.FormatInt(row.Available(), 10))
		}
	}
	for n := range patches {
		patches[n].keys = append(patches[n].keys, patches[n].hashes...)
	}
	return patches, nil
}

func (p *patch) add(key, text string) {
	p.keys = append(p.keys, key)
	p.rows = append(p.rows, text)
}

// arguments returns the arguments of scripts/apply.lua.
func (p *patch) arguments(mode string, above, to eventlog.Position, life int64) []any {
	args := make([]any, 0, 7+len(p.rows)+len(p.figures))
	args = append(args, mode, digits(above), digits(to), newEpoch(), life, rowLife.Milliseconds(), len(p.rows))
	return append(append(args, p.rows...), p.figures...)
}

// exec runs a script for each patch in one round trip, and in a second one
// where Redis does not know the script.
func (m *Mirror) exec(ctx context.Context, patches []*patch, with func(*patch) (keys []string, args []any), s *goredis.Script) {
	ctx, cancel := context.WithTimeout(ctx, mirrorTimeout)
	defer cancel()
	var unknown []*patch
	_, _ = m.r.client.Pipelined(ctx, func(pipe goredis.Pipeliner) error { // each answer tells
		for _, p := range patches {
			keys, args := with(p)
			p.answer = s.EvalSha(ctx, pipe, keys, args...)
		}
		return nil
	})
	for _, p := range patches {
		if goredis.HasErrorPrefix(p.answer.Err(), "NOSCRIPT") {
			unknown = append(unknown, p)
		}
	}
	if len(unknown) == 0 {
		return
	}
	_, _ = m.r.client.Pipelined(ctx, func(pipe goredis.Pipeliner) error { // likewise
		for _, p := range unknown {
			keys, args := with(p)
			p.answer = s.Eval(ctx, pipe, keys, args...)
		}
		return nil
	})
}

// recordOutcome updates the state of a tag after a patch. If the patch failed, the
// tag may or may not hold it, and the next answer may come from another server.
func (m *Mirror) recordOutcome(p *patch) {
	state := &m.tags[p.tag.group][p.tag.n]
	code, err := p.answer.Int()
	if err != nil {
		m.r.count(err)
		m.r.stats.missed.Add(1)
		m.markDown(p.tag, err)
		return
	}
	state.known, state.reset = true, false
	if code == 2 {
		m.r.stats.epochs.Add(1)
	}
	if code != 0 {
		m.r.stats.mirrored.Add(int64(len(p.rows)))
	}
}

// markDown stops sending to a tag until a probe succeeds.
func (m *Mirror) markDown(t tag, err error) {
	state := &m.tags[t.group][t.n]
	state.known = false
	if len(m.down()) == 0 {
		m.r.logger.Warn("Redis cannot be written; its rows are out of sight until it can", "error", err)
	}
	state.down = true
}
