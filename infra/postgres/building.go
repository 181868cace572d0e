package postgres

import (
	"bytes"
	"context"
	"errors"
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
	b := &building{conn: c, before: live.id, beforeAt: at, written: bloomFilters{}}
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
	job, err := b.encode(&into, batch.Rows)
	if err != nil {
		return err
	}
	if err := b.awaitWrite(ctx); err != nil {
		return err
	}
	b.buffers[0], b.buffers[1] = b.buffers[1], into
	b.flight = make(chan error, 1)
	go func(done chan<- error) { done <- b.copy(job) }(b.flight)
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

// table is the rows that one batch writes into one table.
type table struct {
	name  string
	gone  []any // keys of rows that may be there
	rows  []byte
	holes []readmodels.Hole // instead of all above
}

// buffers are kept from batch to batch, by table.
type buffers struct{ orders, payments, fulfilments, sales, stock, products []byte }

func (b *building) encode(into *buffers, r projections.Rows) ([]table, error) {
	var job []table
	if len(r.Holes) > 0 {
		job = append(job, table{holes: r.Holes})
	}
	return job, errors.Join(
		encode(&job, b, orderView(), &into.orders, r.Orders),
		encode(&job, b, paymentView(), &into.payments, r.Payments),
		encode(&job, b, fulfilmentView(), &into.fulfilments, r.Fulfilments),
		encode(&job, b, salesView(), &into.sales, r.Sales),
		encode(&job, b, stockView(), &into.stock, r.Stock),
		encode(&job, b, productView(), &into.products, r.Products),
	)
}

func encode[K, V any](job *[]table, b *building, view view[K, V], buffer *[]byte, rows []V) (err error) {
	if len(rows) == 0 {
		return nil
	}
	var again []K
	for i := range rows {
		if k := view.keyOf(&rows[i]); b.written.add(view.name, view.keyText(k)) {
			again = append(again, k)
		}
	}
	if *buffer, err = view.copied(*buffer, rows); err != nil {
		return err
	}
	*job = append(*job, table{name: view.name, gone: view.keys(again), rows: *buffer})
	return nil
}

// copy writes a batch. It goes on when the caller of Write has left, so it has a
// limit of its own.
func (b *building) copy(job []table) error {
	ctx, cancel := context.WithTimeout(context.Background(), copyTimeout)
	defer cancel()
	for _, t := range job {
		if t.holes != nil {
			batch := &pgx.Batch{}
			b.queueHoles(batch, t.holes)
			if err := b.conn.SendBatch(ctx, batch).Close(); err != nil {
				return gone(err)
			}
			continue
		}
		if len(t.gone) > 0 {
			if _, err := b.conn.Exec(ctx, b.statements.of(t.name+"_delete"), t.gone...); err != nil {
				return gone(err)
			}
		}
		if _, err := b.conn.PgConn().CopyFrom(ctx, bytes.NewReader(t.rows), b.statements.of(t.name+"_copy")); err != nil {
			return gone(err)
		}
	}
	return nil
}

// Load implements [projections.Store]. It asks only for rows that may be there.
func (b *building) Load(ctx context.Context, k projections.Keys) (r projections.Rows, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.promoted {
		return b.version.Load(ctx, k)
	}
	k = projections.Keys{
		Orders: among(b, orderView(), k.Orders), Payments: among(b, paymentView(), k.Payments),
		Fulfilments: among(b, fulfilmentView(), k.Fulfilments), Sales: among(b, salesView(), k.Sales),
		Stock: among(b, stockView(), k.Stock), Products: among(b, productView(), k.Products),
		Holes: k.Holes,
	}
	if k.Len() == 0 {
		return r, nil
	}
	if err := b.awaitWrite(ctx); err != nil {
		return r, err
	}
	return b.load(ctx, b.conn, k)
}

func among[K, V any](b *building, view view[K, V], keys []K) (there []K) {
	for _, k := range keys {
		if b.written.has(view.name, view.keyText(k)) {
			there = append(there, k)
		}
	}
	return there
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
