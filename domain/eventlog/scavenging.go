package eventlog

import "context"

// Scavenging is a log that can remove the beginning of streams for good and give
// back their space. Positions of removed events stay positions.
type Scavenging interface {
	// RemoveBelow removes the events of s below a version, but never its last
	// event, and returns how many were removed. It may leave some for a later call.
	RemoveBelow(ctx context.Context, s Stream, below Version) (removed int64, err error)

	// FirstVersion returns the version of the first event of s that is not removed.
	FirstVersion(ctx context.Context, s Stream) (Version, error)

	// GiveBack returns the space of removed events to the disk, which takes time
	// and bandwidth; appends and reads go on.
	GiveBack(ctx context.Context) error

	// Bytes returns the size of the stored events with their indexes.
	Bytes(ctx context.Context) (int64, error)
}

// Owing is a log that remembers what a scavenge that was interrupted left: events
// were removed, and their space was not given back.
type Owing interface {
	// Owes reports whether GiveBack has something to give back. It is true from
	// the first removal on until GiveBack has succeeded after the last one.
	Owes(ctx context.Context) (bool, error)
}
