package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"orderflow/projections"
)

// Write implements [projections.Store]. The statements go in one message and
// are one transaction. The first of them locks the version's row, so writers of
// a group take turns and cannot wait for each other's rows.
func (v *version) Write(ctx context.Context, b projections.Batch) error {
	ctx, cancel := v.versions.server.within(ctx)
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue(statement("version_advance"), append([]any{v.id, int64(b.Above)}, bindCheckpoint(b.To)...)...)
	if err := v.queueRows(batch, b.Rows); err != nil {
		return err
	}
	batch.Queue(statement("notify"), fmt.Sprint(v.versions.group.Name, " ", b.To.Position()))
	return gone(v.versions.pool.SendBatch(ctx, batch).Close())
}

func (v *version) queueRows(batch *pgx.Batch, r projections.Rows) error {
	if err := queueUpsert(batch, v, orderView(), r.Orders); err != nil {
		return err
	}
	if err := queueUpsert(batch, v, paymentView(), r.Payments); err != nil {
		return err
	}
	if err := queueUpsert(batch, v, fulfilmentView(), r.Fulfilments); err != nil {
		return err
	}
	if err := queueUpsert(batch, v, salesView(), r.Sales); err != nil {
		return err
	}
	if err := queueUpsert(batch, v, stockView(), r.Stock); err != nil {
		return err
	}
	if err := queueUpsert(batch, v, productView(), r.Products); err != nil {
		return err
	}
	v.queueHoles(batch, r.Holes)
	return nil
}

func queueUpsert[K, V any](batch *pgx.Batch, v *version, view view[K, V], rows []V) error {
	if len(rows) == 0 {
		return nil
	}
	args, err := view.arrays(rows)
	if err == nil {
		batch.Queue(v.statements.of(view.name+"_upsert"), args...)
	}
	return err
}

// Load implements [projections.Store].
func (v *version) Load(ctx context.Context, k projections.Keys) (projections.Rows, error) {
	ctx, cancel := v.versions.server.within(ctx)
	defer cancel()
	return v.load(ctx, v.versions.pool, k)
}

// batcher is a pool or a connection.
type batcher interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// load asks for all keys at once, in one message.
func (v *version) load(ctx context.Context, from batcher, k projections.Keys) (r projections.Rows, err error) {
	batch := &pgx.Batch{}
	queueLoad(batch, v, orderView(), k.Orders, &r.Orders)
	queueLoad(batch, v, paymentView(), k.Payments, &r.Payments)
	queueLoad(batch, v, fulfilmentView(), k.Fulfilments, &r.Fulfilments)
	queueLoad(batch, v, salesView(), k.Sales, &r.Sales)
	queueLoad(batch, v, stockView(), k.Stock, &r.Stock)
	queueLoad(batch, v, productView(), k.Products, &r.Products)
	v.queueLoadHoles(batch, k.Holes, &r.Holes)
	if batch.Len() == 0 {
		return r, nil
	}
	return r, gone(from.SendBatch(ctx, batch).Close())
}

func queueLoad[K, V any](batch *pgx.Batch, v *version, view view[K, V], keys []K, to *[]V) {
	if len(keys) == 0 {
		return
	}
	batch.Queue(v.statements.of(view.name+"_load"), view.keys(keys)...).Query(func(rows pgx.Rows) (err error) {
		*to, err = collect(rows, view.scan)
		return err
	})
}
