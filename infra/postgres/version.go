package postgres

import (
	"context"
	"fmt"

	"orderflow/domain/eventlog"
	"orderflow/projections"
)

// version is one set of tables: the rows of one group as one version has them.
// It is a [projections.Store] that takes batches for as long as it serves.
type version struct {
	shelf *shelf
	id    int64
	texts *texts
}

var _ projections.Store = (*version)(nil)

func newVersion(l *shelf, id int64) *version {
	return &version{shelf: l, id: id, texts: newTexts(fmt.Sprintf("%s_%d", l.group.Name, id))}
}

// Position implements [projections.Store].
func (v *version) Position(ctx context.Context) (at eventlog.Position, err error) {
	ctx, cancel := v.shelf.server.within(ctx)
	defer cancel()
	err = v.shelf.pool.QueryRow(ctx, statement("version_position"), v.id).Scan(&at)
	return at, mapped(err)
}
