package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"orderflow/domain/eventlog"
	"orderflow/projections"
)

// The states of a version.
const (
	stateBuilding = "building"
	stateLive     = "live"
	stateOld      = "old"
)

const (
	// unusedAfter is how long the versions of another schema or fold must be
	// unused before they are dropped: longer than a fleet takes to
	// change from one program to the next, or back.
	unusedAfter = time.Hour
	// dropLockTimeout bounds the wait for readers of a version to be dropped; the
	// next sweep tries again.
	dropLockTimeout = 50 * time.Millisecond
)

// versions manages the versions of one group's tables.
type versions struct {
	server  *Server
	service string
	pool    *pgxpool.Pool
	group   projections.Group
	tag     string // of schema and fold
	live    string // the schema of the views of the serving version
	serves  tables // in it
	logger  *slog.Logger

	mu      sync.Mutex
	serving *version // as last seen
}

func newVersions(ctx context.Context, s *Server, service string, g projections.Group) (*versions, error) {
	p, err := s.migrate(ctx, service, "views")
	if err != nil {
		return nil, err
	}
	l := &versions{server: s, service: service, pool: p, group: g, tag: tagOf(g), logger: s.logger.With("view", g.Name)}
	l.live = liveSchema(g, l.tag)
	l.serves = tablesIn(l.live, g)
	if err := l.ensure(ctx); err != nil {
		return nil, err
	}
	l.sweep(ctx)
	return l, nil
}

// tagOf names the fold and the schema of a group, both by what they are: rows of another
// tag are those of another program.
func tagOf(g projections.Group) string {
	schema := tablesIn(anySchema, g)
	sum := sha256.Sum256([]byte(schema.create() + "\n" + schema.indexes()))
	name := projections.OlderName("postgres", g.Name, hex.EncodeToString(sum[:8]))
	return fmt.Sprintf("%s fold %s schema %s", g.Name, g.FoldVersion(), name)
}

// liveSchema returns the schema of the views of a group and tag.
func liveSchema(g projections.Group, tag string) string {
	name := sha256.Sum256([]byte(tag))
	return g.Name + "_live_" + hex.EncodeToString(name[:4])
}

// ensure makes an empty serving version if the group has none of this tag.
func (l *versions) ensure(ctx context.Context) error {
	return l.server.locked(ctx, l.service, "ensure "+l.tag, func(c *pgx.Conn) error {
		_, err := l.current(ctx)
		if !errors.Is(err, pgx.ErrNoRows) {
			return mapped(err)
		}
		return mapped(pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			v, err := l.create(ctx, tx, stateLive)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, v.tables.indexes()); err != nil {
				return err
			}
			return l.show(ctx, tx, v)
		}))
	})
}

// create makes a version's tables.
func (l *versions) create(ctx context.Context, tx pgx.Tx, state string) (*version, error) {
	var id int64
	if err := tx.QueryRow(ctx, statement("version_new"), l.group.Name, l.tag, state).Scan(&id); err != nil {
		return nil, err
	}
	v := newVersion(l, id)
	_, err := tx.Exec(ctx, "CREATE SCHEMA "+v.schema+";\n"+v.tables.create())
	return v, err
}

// show makes the views that readers ask name the tables of v. It waits for the
// statements that use them.
// See docs/adr/011.
func (l *versions) show(ctx context.Context, tx pgx.Tx, v *version) error {
	text := "CREATE SCHEMA IF NOT EXISTS " + l.live
	for i, t := range v.tables {
		text += fmt.Sprintf(";\nCREATE OR REPLACE VIEW %s AS SELECT * FROM %s", l.serves[i].name, t.name)
	}
	_, err := tx.Exec(ctx, text)
	return err
}

// current returns the serving version.
func (l *versions) current(ctx context.Context) (*version, error) {
	v, _, err := l.liveAt(ctx)
	return v, err
}

// liveAt returns the serving version and its position.
func (l *versions) liveAt(ctx context.Context) (*version, eventlog.Position, error) {
	var id, at int64
	if err := l.pool.QueryRow(ctx, statement("version_live"), l.group.Name, l.tag).Scan(&id, &at); err != nil {
		return nil, 0, err
	}
	return l.see(id), eventlog.Position(at), nil
}

// see caches which version serves.
func (l *versions) see(id int64) *version {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.serving == nil || l.serving.id != id {
		l.serving = newVersion(l, id)
	}
	return l.serving
}

// tend marks this tag as used and drops unused versions.
func (l *versions) tend(ctx context.Context) {
	used, err := l.pool.Exec(ctx, statement("version_use"), l.group.Name, l.tag)
	if err == nil && used.RowsAffected() == 0 {
		err = l.ensure(ctx)
	}
	if err != nil && ctx.Err() == nil {
		l.logger.Warn("the view's version cannot be kept", "error", err)
	}
	l.sweep(ctx)
}

type leftover struct {
	id     int64
	state  string
	tag    string
	unused bool
}

// sweep drops old versions without readers, versions of dead builders, and
// those of other programs that are used no more. What cannot be dropped now is
// found again.
func (l *versions) sweep(ctx context.Context) {
	rows, err := l.pool.Query(ctx, statement("version_leftovers"), l.group.Name, l.tag, unusedAfter)
	var all []leftover
	if err == nil {
		all, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (o leftover, err error) {
			return o, r.Scan(&o.id, &o.state, &o.tag, &o.unused)
		})
	}
	for _, o := range all {
		if o.state == stateLive && !o.unused {
			continue
		}
		if dropped, failed := l.drop(ctx, o); failed != nil {
			err = failed
		} else if dropped {
			l.logger.Info("a version of the view was dropped", "version", o.id, "was", o.state)
		}
	}
	if err != nil && ctx.Err() == nil && state(err) != stateLockTimeout {
		l.logger.Warn("old versions of the view stay for now", "error", err)
	}
}

// drop drops a version if it is still what it was, its builder is dead, and
// it has no readers.
func (l *versions) drop(ctx context.Context, o leftover) (dropped bool, err error) {
	err = pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		var now string
		var dead bool
		err := tx.QueryRow(ctx, statement("version_claim"), o.id).Scan(&now)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && now != o.state {
			return nil // another process drops it
		}
		if err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1, $2)", lockBuild, int32(o.id)).Scan(&dead); err != nil || !dead {
			return err
		}
		dropped = true
		return l.erase(ctx, tx, o)
	})
	return dropped && err == nil, err
}

// erase drops a version's tables; nothing that depends on them goes with them,
// except the views of an unused tag.
func (l *versions) erase(ctx context.Context, tx pgx.Tx, o leftover) error {
	v := newVersion(l, o.id)
	text := "SET LOCAL lock_timeout = " + millis(dropLockTimeout)
	if o.state == stateLive {
		text += ";\nDROP SCHEMA IF EXISTS " + liveSchema(l.group, o.tag) + " CASCADE"
	}
	if o.tag == l.tag {
		text += ";\nDROP TABLE " + v.tables.names() + ";\nDROP SCHEMA " + v.schema
	} else { // its tables may be others than ours
		text += ";\nDROP SCHEMA " + v.schema + " CASCADE"
	}
	if _, err := tx.Exec(ctx, text); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, statement("version_delete"), o.id)
	return err
}
