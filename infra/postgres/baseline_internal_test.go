package postgres

import (
	"context"
	"strconv"
	"time"

	"orderflow/projections"
	"orderflow/readmodels"
)

// baselineBatchRows is how many rows one COPY of BaselineCopy holds: about what the
// largest batch of a rebuild leaves to be written.
const baselineBatchRows = 10_000

// Baseline is what PostgreSQL itself takes to write a group's rows.
type Baseline struct {
	Rows    int64
	Elapsed time.Duration // of COPY, indexes, statistics and making all of it durable, without reading or encoding the rows
}

// BaselineCopy writes the rows a group serves now into tables of the same kind, with
// the same statements and settings as a rebuild but without log, decoding,
// folding or encoding: the limit that a rebuild is measured against.
func (v *Views) BaselineCopy(ctx context.Context, g projections.Group) (bare Baseline, err error) {
	l := v.groups[g.Name]
	live, err := l.current(ctx)
	if err != nil {
		return bare, mapped(err)
	}
	from, err := live.Snapshot(ctx)
	if err != nil {
		return bare, err
	}
	defer from.Close() //nolint:errcheck // it only read
	scratch, err := l.build(ctx)
	if err != nil {
		return bare, err
	}
	defer scratch.Discard(context.WithoutCancel(ctx)) //nolint:errcheck // the next sweep removes what is left
	var batch readmodels.Rows
	flush := func() error {
		jobs, err := scratch.encode(buffers{}, batch)
		if err != nil {
			return err
		}
		start := time.Now()
		err = scratch.copy(jobs)
		bare.Elapsed += time.Since(start)
		bare.Rows += int64(batch.Len())
		batch = readmodels.Rows{}
		return err
	}
	for row, err := range from.Rows(ctx) {
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
	err = scratch.Prepare(ctx)
	if err == nil { // a commit that waits makes what came before it durable
		_, err = scratch.conn.Exec(ctx, "SET synchronous_commit = on;\nUPDATE versions SET used_at = now() WHERE id = "+strconv.FormatInt(scratch.id, 10))
	}
	bare.Elapsed += time.Since(start)
	return bare, mapped(err)
}
