package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/readmodels"
)

// Write implements [projections.Store]. The statements go in one message and
// are one transaction. The first of them locks the version's row, so writers of
// a group take turns and cannot wait for each other's rows.
func (v *version) Write(ctx context.Context, b projections.Batch) error {
	ctx, cancel := v.versions.server.within(ctx)
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue(statement("version_advance"), append([]any{v.id, int64(b.Above)}, bindCheckpoint(b.To)...)...)
	written := 0
	for _, t := range v.tables {
		rows, ok := b.Rows[t.view]
		if !ok || rows.Len() == 0 {
			continue
		}
		args, err := rowArrays(t.view, rows)
		if err != nil {
			return err
		}
		batch.Queue(t.upsert, args...)
		written += rows.Len()
	}
	holes := readmodels.HoleView.In(b.Rows)
	v.queueHoles(batch, holes)
	if written+len(holes) < b.Rows.Len() {
		return domain.Errorf(domain.Internal, "The batch has rows of views that are not in the group %s.", v.versions.group.Name)
	}
	batch.Queue(statement("notify"), fmt.Sprint(v.versions.group.Name, " ", b.To.Position()))
	return gone(v.versions.pool.SendBatch(ctx, batch).Close())
}

// Load implements [projections.Store].
func (v *version) Load(ctx context.Context, k readmodels.Keys) (readmodels.Rows, error) {
	ctx, cancel := v.versions.server.within(ctx)
	defer cancel()
	return v.load(ctx, v.versions.pool, k)
}

// batcher is a pool or a connection.
type batcher interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// load asks for all keys at once, in one message.
func (v *version) load(ctx context.Context, from batcher, k readmodels.Keys) (readmodels.Rows, error) {
	batch, found := &pgx.Batch{}, readmodels.Rows{}
	for _, t := range v.tables {
		if len(k[t.view]) == 0 {
			continue
		}
		args, err := keyArrays(t.layout, k[t.view])
		if err != nil {
			return nil, err
		}
		found[t.view] = t.view.NewSet()
		batch.Queue(t.load, args...).Query(func(rows pgx.Rows) error { return read(rows, found[t.view]) })
	}
	v.queueLoadHoles(batch, k[readmodels.HoleView], found)
	if batch.Len() == 0 {
		return found, nil
	}
	return found, gone(from.SendBatch(ctx, batch).Close())
}
