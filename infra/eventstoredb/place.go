package eventstoredb

import (
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/domain"
)

// place is the position of a subscription, from which it resumes after a drop.
//
// A checkpoint says that everything that matches up to a position was sent.
// Some servers send one a moment too early, when a subscription turns live: an
// event before it is still to come. So a checkpoint counts only when the next
// message has come and is not such an event.
type place struct {
	event     uint64 // position of the last event that came, or where the caller began
	confirmed uint64 // last checkpoint that counts, or what was the end when the server had caught up
	candidate uint64 // last checkpoint that came
}

// at is up to where everything came.
func (p *place) at() uint64 { return max(p.event, p.confirmed) }

// start returns where to subscribe from; what is at that position is not sent again.
func (p *place) start() esdb.AllPosition { return from(p.at()) }

// checkpoint takes note of one. Some servers send the greatest number there is
// when they have looked at nothing; that is none.
func (p *place) checkpoint(at uint64) {
	if at > math.MaxInt64 {
		return
	}
	p.confirmed = max(p.confirmed, p.candidate)
	p.candidate = max(p.candidate, at)
}

// pass takes note of an event. False says that it came before.
func (p *place) pass(at uint64) bool {
	if at <= p.event {
		return false
	}
	if at > p.candidate {
		p.confirmed = max(p.confirmed, p.candidate)
	}
	p.event, p.candidate = at, 0
	return true
}

// doubt reports whether a failure to subscribe may be the checkpoint's fault, as
// when it is no position to the server; then it is not used again. It is not
// known after a drop whether the last candidate counts, so that one goes too.
func (p *place) doubt(f failure) bool {
	suspect := f.kind == domain.Invalid && p.confirmed > p.event
	if suspect {
		p.confirmed = 0
	}
	p.candidate = 0
	return suspect
}
