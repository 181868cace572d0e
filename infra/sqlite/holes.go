package sqlite

import (
	"context"

	"orderflow/readmodels"
)

func holeView() view[readmodels.Hole] {
	return view[readmodels.Hole]{
		name: "holes", bind: bindHole, scan: scanHole,
		key: func(h readmodels.Hole) string { return h.Stream },
	}
}

func bindHole(args []any, h *readmodels.Hole) ([]any, error) {
	return append(args, h.Stream, string(h.Order), h.Events, micros(h.Since), micros(h.UpdatedAt), h.Position), nil
}

func scanHole(s scanner) (h readmodels.Hole, err error) {
	var since, updated int64
	err = s.Scan(&h.Stream, &h.Order, &h.Events, &since, &updated, &h.Position)
	h.Since, h.UpdatedAt = instant(since), instant(updated)
	return h, err
}

// Holes implements [readmodels.Holes].
func (v *Views) Holes(ctx context.Context, group string, limit int) (list []readmodels.Hole, total int64, err error) {
	s := *v.versions(group)
	if limit > 0 {
		if list, err = many(ctx, s, scanHole, "holes_list", limit); err != nil {
			return nil, 0, err
		}
	}
	total, err = one(ctx, s, func(s scanner) (n int64, err error) {
		err = s.Scan(&n)
		return n, err
	}, "holes_count")
	return list, total, err
}
