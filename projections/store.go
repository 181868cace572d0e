package projections

import (
	"context"
	"iter"

	"orderflow/domain/eventlog"
	"orderflow/readmodels"
)

// Batch is one transaction: rows, and the checkpoint they bring the views to.
type Batch struct {
	Above eventlog.Position   // the position that the views must have for the batch to apply
	To    eventlog.Checkpoint // the checkpoint afterwards; it may be below Above
	// Rows replace those of the same keys; each at most once. The row of a view with a
	// parent comes with the parent's row or after it.
	Rows readmodels.Rows
}

// Store keeps the rows of one group in one version. Errors are Unavailable
// when trying again may help, and Internal when the store is damaged.
type Store interface {
	// Checkpoint returns how far the rows reflect the log, as the last batch had
	// it; zero when empty. Rows that a program wrote which kept no ids have an
	// Event with a position alone.
	Checkpoint(ctx context.Context) (eventlog.Checkpoint, error)

	// Load returns the rows there are among those named, in any order.
	Load(ctx context.Context, k readmodels.Keys) (readmodels.Rows, error)

	// Write applies a batch, all or nothing. If the position of the store's
	// checkpoint is not b.Above nothing is written and the error has kind Conflict, so a batch
	// delivered twice, or by two projectors, applies once.
	Write(ctx context.Context, b Batch) error

	// Snapshot is a view of the store at one moment, whatever is written later.
	Snapshot(ctx context.Context) (Snapshot, error)
}

// Snapshot reads one moment of a store. It holds resources until closed and
// is not for concurrent use.
type Snapshot interface {
	Position() eventlog.Position

	// Rows yields every row of the group: view after view in the order of
	// [Group.Tables], by key in byte order. A yielded error is the last thing.
	Rows(ctx context.Context) iter.Seq2[Row, error]

	// Sums adds up the rows by the store's own means, by name; see [Sums].
	Sums(ctx context.Context) (Sums, error)

	Close() error
}

// Row is one row of a view as [Snapshot] yields it.
type Row struct {
	View  readmodels.Table
	Key   string // unique within the view; rows of a view come in its byte order
	Value any    // a pointer to the readmodels struct
}

// Views keeps the stores of all groups: for each the version that serves
// readers, and any number that are being built beside it.
type Views interface {
	// Live returns the serving version of a group, empty at first.
	Live(ctx context.Context, g Group) (Store, error)

	// Build returns a new empty version. It serves no readers until it is
	// promoted. Versions neither promoted nor discarded are removed at the next start.
	Build(ctx context.Context, g Group) (Building, error)
}

// Building is a version of a group that does not serve yet.
type Building interface {
	Store

	// Promote makes this version the serving one, durably and at once: every
	// question is answered wholly by the old one or wholly by this one. The
	// old version is removed when its last reader is done. Afterwards the
	// Building is the live Store. Where other processes write too, it is
	// Conflict if one of them brought the old version further since Build
	// than this one stands; more batches, and Promote again.
	Promote(ctx context.Context) error

	// Discard removes the version. After Promote it does nothing.
	Discard(ctx context.Context) error
}

// Preparer is a [Building] that can do a part of Promote in advance.
type Preparer interface {
	// Prepare does the long part of Promote that need not stop the live writer. More
	// batches may follow.
	Prepare(ctx context.Context) error
}
