// Package peers carries commands between the processes of a fleet over HTTP.
//
//	sender                                     receiver
//	Bus.Send ── POST /peer/commands ─────────▶ Handler ──▶ the bus of that process
//	            Authorization: Bearer SECRET
//	            {"name", "origin", "data"}     200 {"stream", "version", "position", …}
//	                                           4xx, 5xx {"kind", "text"}
//
// Errors keep their kind. A command is known by what it is about, so sending it
// again is safe: a sender that gets no answer asks another process of the same
// role, and only when no peer answers does the caller get Unavailable (nothing
// was sent) or Unknown (something may have been done; send it again).
//
// Commands about one stream go to one process as long as it answers, which so
// decides about it from memory; the expected version of the append is what keeps
// two deciders apart, never this routing.
//
// Forms only grow, and versions run side by side: a process that does not know
// a command, or a field of it, answers 501 and does nothing, and the sender asks
// the next.
package peers

import "time"

// The one path, and the limits of both ends.
const (
	// Path is where a process takes commands of others.
	Path = "/peer/commands"
	// MaxBodyBytes bounds an envelope: an order of 2,000 lines fits, as at the public edge.
	MaxBodyBytes = 2 << 20
	// MinSecretBytes bounds the secret from below: 128 bits, written as text.
	MinSecretBytes = 32
	// Timeout bounds one attempt at one process; a decision itself is bounded by less.
	Timeout = 35 * time.Second
	// ConnectTimeout bounds how long a process that is gone is waited for.
	ConnectTimeout = time.Second
	// RestAfterFailure is how long a process that could not be reached is asked last.
	RestAfterFailure = time.Second
	// MaxIdlePerPeer bounds the connections kept to one process.
	MaxIdlePerPeer = 256
)

// fault is an error on the wire.
type fault struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}
