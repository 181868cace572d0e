package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"orderflow/projections"
	"orderflow/readmodels"
)

var _ readmodels.Holes = (*Views)(nil)

func scanHole(s scanner) (h readmodels.Hole, err error) {
	var since, updated int64
	err = s.Scan(&h.Stream, &h.Order, &h.Events, &since, &updated, &h.Position)
	h.Since, h.UpdatedAt = instant(since), instant(updated)
	return h, err
}

// queueHoles writes holes one by one: there are few.
func (v *version) queueHoles(batch *pgx.Batch, rows []readmodels.Hole) {
	for _, h := range rows {
		batch.Queue(statement("holes_upsert"), v.id, h.Stream, string(h.Order), h.Events, micros(h.Since), micros(h.UpdatedAt), h.Position)
	}
}

func (v *version) queueLoadHoles(batch *pgx.Batch, streams []string, to *[]readmodels.Hole) {
	if len(streams) == 0 {
		return
	}
	batch.Queue(statement("holes_load"), v.id, streams).Query(func(rows pgx.Rows) (err error) {
		*to, err = collect(rows, scanHole)
		return err
	})
}

// holes yields the holes of the snapshot's version.
func (s *snapshot) holes(ctx context.Context, yield func(projections.Row, error) bool) {
	rows, err := s.conn.Query(ctx, statement("holes_all"), s.v.id)
	var all []readmodels.Hole
	if err == nil {
		all, err = collect(rows, scanHole)
	}
	if err != nil {
		yield(projections.Row{View: "holes"}, mapped(err))
		return
	}
	for _, h := range all {
		if !yield(projections.Row{View: "holes", Key: h.Stream, Value: h}, nil) {
			return
		}
	}
}

// Holes implements [readmodels.Holes].
func (v *Views) Holes(ctx context.Context, group string, limit int) (list []readmodels.Hole, total int64, err error) {
	g, err := projections.GroupOf(group)
	if err != nil {
		return nil, 0, err
	}
	l := *v.versions(g.Name)
	ctx, cancel := l.server.within(ctx)
	defer cancel()
	if limit > 0 {
		rows, err := l.pool.Query(ctx, statement("holes_list"), l.group.Name, l.tag, limit)
		if err == nil {
			list, err = collect(rows, scanHole)
		}
		if err != nil {
			return nil, 0, mapped(err)
		}
	}
	if err := l.pool.QueryRow(ctx, statement("holes_count"), l.group.Name, l.tag).Scan(&total); err != nil {
		return nil, 0, mapped(err)
	}
	return list, total, nil
}
