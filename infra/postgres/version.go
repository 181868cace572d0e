package postgres

import (
	"fmt"

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
