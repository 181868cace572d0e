package postgres

import (
	"fmt"

	"orderflow/projections"
)

// version is one set of tables: the rows of one group as one version has them.
// It is a [projections.Store] that takes batches for as long as it serves.
type version struct {
	versions *versions
	id       int64
	schema   string
	tables   tables
}

var _ projections.Store = (*version)(nil)

func newVersion(l *versions, id int64) *version {
	schema := fmt.Sprintf("%s_%d", l.group.Name, id)
	return &version{versions: l, id: id, schema: schema, tables: tablesIn(schema, l.group)}
}
