package groups

import (
	"time"

	"orderflow/infra/esdbserver/internal/engine"
)

// Key names a group: the stream it reads ([AllStream] for all) and its own name.
type Key struct{ Stream, Group string }

// AllStream is the source that is every stream.
const AllStream = "$all"

// String returns the id of the subscription, which is part of the names of the
// streams that keep its state.
func (k Key) String() string { return k.Stream + "::" + k.Group }

func (k Key) checkpointStream() string {
	return "$persistentsubscription-" + k.String() + "-checkpoint"
}
func (k Key) parkedStream() string { return "$persistentsubscription-" + k.String() + "-parked" }

// Strategy selects the client that gets an event.
type Strategy string

// The strategies, by the names that clients give them.
const (
	RoundRobin          Strategy = "RoundRobin"
	DispatchToSingle    Strategy = "DispatchToSingle"
	Pinned              Strategy = "Pinned"
	PinnedByCorrelation Strategy = "PinnedByCorrelation"
)

// Valid reports whether s is one of the strategies.
func (s Strategy) Valid() bool {
	switch s {
	case RoundRobin, DispatchToSingle, Pinned, PinnedByCorrelation:
		return true
	}
	return false
}

func (s Strategy) pins() bool { return s == Pinned || s == PinnedByCorrelation }

// Settings are the settings of a group as a client wrote them. The methods return
// their values within the limits of a node.
type Settings struct {
	Start           Start
	Filter          *Filter // of a group on [AllStream]; nil wants all
	ResolveLinks    bool
	ExtraStatistics bool
	MessageTimeout  time.Duration // 0: an event is never taken for lost
	MaxRetries      int
	HistoryBuffer   int // events read ahead of the clients
	LiveBuffer      int // the same once the group has caught up
	ReadBatch       int // parked events read at a time
	CheckpointAfter time.Duration
	MinCheckpoint   int // events since the last checkpoint that make one worth it
	MaxCheckpoint   int // events since the last checkpoint that make one due at once
	MaxClients      int // 0: as many as the node allows
	Strategy        Strategy
}

// Filter says which events of [AllStream] a group wants.
type Filter struct {
	EventType bool     // look at types instead of names of streams
	Regex     string   // wins if it is not empty
	Prefixes  []string // any of them
}

// Compiled is a [Filter] as a function of an event.
type Compiled func(Filter) (engine.Filter, error)

// Limits of a node, whatever clients ask for.
const (
	// MaxGroups bounds the groups of a node: the configuration of all of them
	// is one event, which has to fit into one append.
	MaxGroups = 1_000
	// MaxClients bounds the clients of one group.
	MaxClients = 2_000
	// MaxBufferEvents bounds what is read ahead of the clients, and what one
	// client may have unacknowledged.
	MaxBufferEvents = 10_000
	// MaxHeldBytes of events are kept by one group, beside one event more.
	MaxHeldBytes = 64 << 20
	// MaxNameBytes bounds the name of a group. That and its stream's are part
	// of the names of the streams that keep its state.
	MaxNameBytes = 400
	// MaxReasonBytes are kept of what a client says about an event it parks.
	MaxReasonBytes = 4 << 10
	// maxParkingEvents wait to be written as parked before a group stops delivering.
	maxParkingEvents = 1_000
	// maxParksPerWrite keeps a write well below what an append takes, with
	// the longest reasons and names.
	maxParksPerWrite = 64
)

func (s Settings) history() int { return clamp(s.HistoryBuffer, MaxBufferEvents) }
func (s Settings) live() int    { return clamp(s.LiveBuffer, MaxBufferEvents) }
func (s Settings) batch() int   { return clamp(s.ReadBatch, MaxBufferEvents) }
func (s Settings) clients() int {
	if s.MaxClients == 0 {
		return MaxClients
	}
	return clamp(s.MaxClients, MaxClients)
}

// minimum and maximum are the counts that make a checkpoint; none is ever written for nothing.
func (s Settings) minimum() uint64 { return uint64(clamp(s.MinCheckpoint, 1<<30)) }
func (s Settings) maximum() uint64 { return uint64(clamp(s.MaxCheckpoint, 1<<30)) }

func clamp(n, highest int) int { return max(1, min(n, highest)) }
