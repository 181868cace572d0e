package kafka

import "time"

// Limits; what may be set lower says so where it is set.
const (
	// DefaultPartitions is how many consumers of one group can share a topic.
	DefaultPartitions = 8
	// DefaultRetention is how long a broker keeps a message. Sagas read the
	// truth from the log, so a message has done its work within seconds.
	DefaultRetention = 24 * time.Hour
	// PoisonRetention is how long a dead letter can be replayed: over a
	// long weekend and the week after it.
	PoisonRetention = 14 * 24 * time.Hour
	// MaxMessageBytes bounds a message with its key and headers: an event of
	// 16 MiB twice, because a dead letter carries its headers a second time.
	MaxMessageBytes = 34 << 20

	// RelayInFlight bounds the events that are sent and not acknowledged.
	RelayInFlight = 4_096
	// RelayInFlightBytes bounds the bytes of the same, beyond the first.
	RelayInFlightBytes = 64 << 20
	// CheckpointEvery is how often the relay's place is saved; what lies between is published twice after a crash.
	CheckpointEvery = time.Second

	// Window bounds the messages of one partition that are delivered and not acknowledged.
	Window = 512
	// WindowBytes bounds the bytes of the same, beyond the first.
	WindowBytes = 32 << 20
	// CommitEvery is how often offsets are committed; what lies between is read twice after a crash.
	CommitEvery = time.Second
	// Hold is how long a look of a saga may keep its event unacknowledged.
	// Longer looks no longer hold up their partition; if the process dies
	// during one, the watchdog finds the order.
	Hold = time.Second

	// HandlerTries is how often a failing message is handled before it is dead-lettered.
	HandlerTries = 3
	// FirstRetry is the pause before the second try; it doubles. Three tries
	// and their pauses end well within the 5 s in which a partition must move on.
	FirstRetry = 100 * time.Millisecond
	// FirstPause is the pause after a broker or another part failed; it doubles up to LastPause.
	FirstPause = 100 * time.Millisecond
	// LastPause is the longest wait for a broker that is gone.
	LastPause = 5 * time.Second
	// SettledAfter is how long a session must have lived for the next pause to be FirstPause again.
	SettledAfter = 10 * time.Second
	// SessionTimeout is how long a consumer may be silent before its partitions go to others.
	SessionTimeout = 10 * time.Second
	// QueryTimeout bounds one query about topics and offsets.
	QueryTimeout = 10 * time.Second
	// CloseTimeout bounds the end of a router; its handlers end with their session.
	CloseTimeout = 30 * time.Second

	// MaxListed bounds the dead letters of one list.
	MaxListed = 10_000
	// WakeEvery spaces the orders that leave the retry queue: a gateway that
	// has just come back is not called for all of them at once.
	WakeEvery = 2 * time.Millisecond
)
