package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"orderflow/projections"
	"orderflow/readmodels"
	"orderflow/readmodels/viewsql"
)

var _ readmodels.Holes = (*Views)(nil)

// The holes of all versions are in one table, which every program knows: its rows have
// the version before their key.
var (
	holeColumns = viewsql.Columns(readmodels.HoleView.Layout(), "h.")
	holesAll    = "SELECT " + holeColumns + " FROM holes AS h WHERE version = $1 ORDER BY stream"
	holesLoad   = "SELECT " + holeColumns + " FROM holes AS h WHERE version = $1 AND stream = ANY($2)"
	holesUpsert = "INSERT INTO holes (version, " + viewsql.Columns(readmodels.HoleView.Layout(), "") + ") VALUES ($1, $2, $3, $4, $5, $6, $7)" +
		" ON CONFLICT (version, stream) DO UPDATE SET " + viewsql.Updates(readmodels.HoleView.Layout())
	holesLive  = " FROM holes AS h JOIN versions AS v ON v.id = h.version WHERE v.view_group = $1 AND v.tag = $2 AND v.state = 'live'"
	holesList  = "SELECT " + holeColumns + holesLive + " ORDER BY stream LIMIT $3"
	holesCount = "SELECT count(*)" + holesLive
)

// queueHoles writes holes one by one: there are few.
func (v *version) queueHoles(batch *pgx.Batch, rows []readmodels.Hole) {
	for i := range rows {
		args := arguments{list: []any{v.id}}
		_ = readmodels.HoleView.Encode(&rows[i], &args) // no column of it can fail
		batch.Queue(holesUpsert, args.list...)
	}
}

func (v *version) queueLoadHoles(batch *pgx.Batch, streams []string, found readmodels.Rows) {
	if len(streams) == 0 {
		return
	}
	found[readmodels.HoleView] = readmodels.HoleView.NewSet()
	batch.Queue(holesLoad, v.id, streams).Query(func(rows pgx.Rows) error { return read(rows, found[readmodels.HoleView]) })
}

// Holes implements [readmodels.Holes].
func (v *Views) Holes(ctx context.Context, group string, limit int) (list []readmodels.Hole, total int64, err error) {
	g, err := projections.GroupOf(group)
	if err != nil {
		return nil, 0, err
	}
	l := v.groups[g.Name]
	ctx, cancel := l.server.within(ctx)
	defer cancel()
	if limit > 0 {
		found := readmodels.Rows{readmodels.HoleView: readmodels.HoleView.NewSet()}
		rows, err := l.pool.Query(ctx, holesList, l.group.Name, l.tag, limit)
		if err == nil {
			err = read(rows, found[readmodels.HoleView])
		}
		if err != nil {
			return nil, 0, mapped(err)
		}
		list = readmodels.HoleView.In(found)
	}
	if err := l.pool.QueryRow(ctx, holesCount, l.group.Name, l.tag).Scan(&total); err != nil {
		return nil, 0, mapped(err)
	}
	return list, total, nil
}
