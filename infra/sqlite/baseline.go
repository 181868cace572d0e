package sqlite

import (
	"context"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/projections"
	"orderflow/readmodels"
)

// baselineBatchRows is how many rows one transaction of BaselineInsert holds: about
// what the largest batch of a rebuild leaves to be written.
const baselineBatchRows = 10_000

// Baseline is what SQLite itself takes to write a group's rows.
type Baseline struct {
	Rows    int64
	Elapsed time.Duration // of the inserts and of making the file durable, without reading the rows
}

// BaselineInsert writes the rows a group serves now into a scratch file, with the
// same tables, indexes, settings and statements as a rebuild but without log,
// decoding or folding: the limit that a rebuild is measured against.
func (v *Views) BaselineInsert(ctx context.Context, g projections.Group) (bare Baseline, err error) {
	live := v.groups[g.Name].acquire()
	defer live.versions.release(live)
	from, err := live.snapshot(ctx)
	if err != nil {
		return bare, err
	}
	defer from.Close() //nolint:errcheck // it only read
	scratch, err := live.versions.build(ctx)
	if err != nil {
		return bare, err
	}
	defer scratch.Discard(context.WithoutCancel(ctx)) //nolint:errcheck // the next start removes what is left
	var batch readmodels.Rows
	var at eventlog.Checkpoint // counts batches: the scratch file is of no log
	flush := func() error {
		above := at.Position()
		at.Event.Position++
		start := time.Now()
		err := scratch.Write(ctx, projections.Batch{Above: above, To: at, Rows: batch})
		bare.Elapsed += time.Since(start)
		bare.Rows += int64(batch.Len())
		batch = readmodels.Rows{}
		return err
	}
	// In the order in which they began, which is the best for SQLite: only the index by
	// id is then added to at random places. By id it would be those by time, which are three.
	for row, err := range from.rows(ctx, table.numberOrder) {
		if err != nil {
			return bare, err
		}
		batch.Append(row.View, row.Value)
		if batch.Len() == baselineBatchRows {
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
