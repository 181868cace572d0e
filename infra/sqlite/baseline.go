package sqlite

import (
	"context"
	"strings"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/projections"
)

// bareBatchRows is how many rows one transaction of BareInsert holds: about
// what the largest batch of a rebuild leaves to be written.
const bareBatchRows = 10_000

// Bare is what SQLite itself takes to write a group's rows.
type Bare struct {
	Rows    int64
	Elapsed time.Duration // of the inserts and of making the file durable, without reading the rows
}

// BareInsert writes the rows a group serves now into a scratch file, with the
// same tables, indexes, settings and statements as a rebuild but without log,
// decoding or folding: the limit that a rebuild is measured against.
func (v *Views) BareInsert(ctx context.Context, g projections.Group) (bare Bare, err error) {
	live := (*v.shelf(g.Name)).acquire()
	defer live.shelf.release(live)
	from, err := live.snapshot(ctx)
	if err != nil {
		return bare, err
	}
	defer from.Close() //nolint:errcheck // it only read
	scratch, err := live.shelf.build(ctx)
	if err != nil {
		return bare, err
	}
	defer scratch.Discard(context.WithoutCancel(ctx)) //nolint:errcheck // the next start removes what is left
	var batch projections.Rows
	var at eventlog.Checkpoint // counts batches: the scratch file is of no log
	flush := func() error {
		above := at.Position()
		at.Event.Position++
		start := time.Now()
		err := scratch.Write(ctx, projections.Batch{Above: above, To: at, Rows: batch})
		bare.Elapsed += time.Since(start)
		bare.Rows += int64(batch.Len())
		batch = projections.Rows{}
		return err
	}
	for row, err := range from.rows(ctx, asBegun) {
		if err != nil {
			return bare, err
		}
		batch.Add(row.Value)
		if batch.Len() == bareBatchRows {
			if err := flush(); err != nil {
				return bare, err
			}
		}
	}
	if err := flush(); err != nil {
		return bare, err
	}
	start := time.Now()
	err = syncFile(scratch.path)
	bare.Elapsed += time.Since(start)
	return bare, unavailable(err)
}

// asBegun asks for rows in the order in which they began, which is the best
// for SQLite: only the index by id is then added to at random places. By id it
// would be those by time, which are three.
func asBegun(name string) string {
	return strings.NewReplacer("ORDER BY id", "ORDER BY number", "ORDER BY o.id", "ORDER BY o.number").Replace(statement(name))
}
