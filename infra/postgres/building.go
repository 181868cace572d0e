package postgres

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/projections"
	"orderflow/readmodels"
)

// Limits of a build.
const (
	// copyTimeout bounds the writing of one batch.
	copyTimeout = time.Minute
	// buildMemory is what sorting an index may take, in Postgres' unit.
	buildMemory = "128MB"
)

// building is a version that does not serve yet, and its one connection, which
// holds the lock that says that the builder is alive. A lost connection ends
// the build.
//
// A batch is written while the next one is folded: Write encodes it and hands it
// over, and the next call waits for it and returns its error. Rows go by
// COPY; rows that may be there already are deleted first. Commits do not wait
// for the disk before the one that promotes.
type building struct {
	*version
	conn *pgx.Conn

	mu       sync.Mutex // guards all below, and conn while flight is nil
	at       eventlog.Checkpoint
	flight   chan error // of the batch being written; nil when none is
	failed   error      // ends the build
	before   int64      // the version that served when the build began,
	beforeAt eventlog.Position
	written  bloomFilters
	buffers  [2]buffers // take turns
	ready    bool
	promoted bool
	closed   bool
}

var _ projections.Building = (*building)(nil)

func (l *versions) build(ctx context.Context) (*building, error) {
	l.sweep(ctx)
	live, at, err := l.liveAt(ctx)
	if err != nil {
		return nil, mapped(err)
	}
	c, err := l.server.dial(ctx, l.service)
	if err != nil {
		return nil, err
	}
	b := &building{conn: c, before: live.id, beforeAt: at, written: bloomFilters{}, buffers: [2]buffers{{}, {}}}
	if err := b.begin(ctx, l); err != nil {
		_ = c.Close(context.WithoutCancel(ctx)) // the first error is the one to tell
		return nil, mapped(err)
	}
	return b, nil
}

// begin takes the lock before anybody can see the version.
func (b *building) begin(ctx context.Context, l *versions) error {
	_, err := b.conn.Exec(ctx, "SET statement_timeout = 0;\nSET synchronous_commit = off;\nSET maintenance_work_mem = '"+buildMemory+"'")
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, b.conn, func(tx pgx.Tx) (err error) {
		if b.version, err = l.create(ctx, tx, stateBuilding); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "SELECT pg_advisory_lock($1, $2)", lockBuild, int32(b.id))
		return err
	})
}

// Checkpoint implements [projections.Store].
func (b *building) Checkpoint(ctx context.Context) (eventlog.Checkpoint, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.promoted {
		return b.version.Checkpoint(ctx)
	}
	return b.at, b.awaitWrite(ctx)
}

// Write implements [projections.Store]. An error of the batch before may be told here.
func (b *building) Write(ctx context.Context, batch projections.Batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.promoted {
		return b.version.Write(ctx, batch)
	}
	if batch.Above != b.at.Position() {
		return domain.Errorf(domain.Conflict, "The view is not at position %d.", batch.Above)
	}
	into := b.buffers[0]
	jobs, err := b.encode(into, batch.Rows)
	if err != nil {
		return err
	}
	if err := b.awaitWrite(ctx); err != nil {
		return err
	}
	b.buffers[0], b.buffers[1] = b.buffers[1], into
	b.flight = make(chan error, 1)
	go func(done chan<- error) { done <- b.copy(jobs) }(b.flight)
	b.at = batch.To
	return nil
}

// awaitWrite waits for the batch that is being written. The caller holds mu.
func (b *building) awaitWrite(ctx context.Context) error {
	if b.flight != nil {
		select {
		case err := <-b.flight:
			b.flight, b.failed = nil, err
		case <-ctx.Done():
			return mapped(ctx.Err())
		}
	}
	if b.failed == nil && b.closed {
		return domain.Errorf(domain.Conflict, "This version was discarded.")
	}
	return b.failed
}

// job is the rows that one batch writes into one table.
type job struct {
	table table
	gone  []any // keys of rows that may be there
	rows  []byte
	holes []readmodels.Hole // instead of all above
}

// buffers are kept from batch to batch, one for each table.
type buffers map[readmodels.Table][]byte

func (b *building) encode(into buffers, r readmodels.Rows) (jobs []job, err error) {
	if holes := readmodels.HoleView.In(r); len(holes) > 0 {
		jobs = append(jobs, job{holes: holes})
	}
	for _, t := range b.tables {
		rows, ok := r[t.view]
		if !ok || rows.Len() == 0 {
			continue
		}
		var again []string
		for i := range rows.Len() {
			if k := t.view.Key(rows.At(i)); b.written.add(t.layout.Name, k) {
				again = append(again, k)
			}
		}
		j := job{table: t}
		if j.gone, err = keyArrays(t.layout, again); err != nil {
			return nil, err
		}
		if j.rows, err = copyRows(into[t.view], t.view, rows); err != nil {
			return nil, err
		}
		into[t.view] = j.rows
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// copy writes a batch. It goes on when the caller of Write has left, so it has a
// limit of its own.
func (b *building) copy(jobs []job) error {
	ctx, cancel := context.WithTimeout(context.Background(), copyTimeout)
	defer cancel()
	for _, j := range jobs {
		if j.holes != nil {
			batch := &pgx.Batch{}
			b.queueHoles(batch, j.holes)
			if err := b.conn.SendBatch(ctx, batch).Close(); err != nil {
				return gone(err)
			}
			continue
		}
		if len(j.gone) > 0 {
			if _, err := b.conn.Exec(ctx, j.table.delete, j.gone...); err != nil {
				return gone(err)
			}
		}
		if _, err := b.conn.PgConn().CopyFrom(ctx, bytes.NewReader(j.rows), j.table.copy); err != nil {
			return gone(err)
		}
	}
	return nil
}

// Load implements [projections.Store]. It asks only for rows that may be there.
func (b *building) Load(ctx context.Context, k readmodels.Keys) (readmodels.Rows, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.promoted {
		return b.version.Load(ctx, k)
	}
	known := readmodels.Keys{readmodels.HoleView: k[readmodels.HoleView]}
	for _, t := range b.tables {
		for _, key := range k[t.view] {
			if b.written.has(t.layout.Name, key) {
				known[t.view] = append(known[t.view], key)
			}
		}
	}
	if known.Len() == 0 {
		return nil, nil
	}
	if err := b.awaitWrite(ctx); err != nil {
		return nil, err
	}
	return b.load(ctx, b.conn, known)
}

// Snapshot implements [projections.Store].
func (b *building) Snapshot(ctx context.Context) (projections.Snapshot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.promoted {
		return b.version.Snapshot(ctx)
	}
	if err := b.awaitWrite(ctx); err != nil {
		return nil, err
	}
	s, err := b.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	s.at = b.at.Position()
	return s, nil
}

// Discard implements [projections.Building].
func (b *building) Discard(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.promoted || b.closed {
		return nil
	}
	_ = b.awaitWrite(context.WithoutCancel(ctx)) // a COPY has a limit of its own; whatever it was, the version goes
	b.closed = true
	ctx, cancel := b.versions.server.within(ctx)
	defer cancel()
	_ = b.conn.Close(ctx) // and its lock with it
	b.versions.sweep(ctx)
	return nil
}
