package eventstoredb

import (
	"context"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// entering is the context of a call that may not have its connection yet.
//
// When a call fails as unavailable, the library forgets its connection without
// closing it, and the next call makes it look for another one: then the old
// connection, or the caller that waits for a new one, leaks. So no call may
// enter a client after that. The library logs such a failure before it acts on
// it; that is the moment to retire the client and to wait for those who are
// about to ask for the connection:
//
//	call    gate held ─▶ connection asked for ─▶ deadline asked for: gate open ─▶ …
//	failure  ─▶ logged: no more calls, wait for the gate ─▶ connection forgotten
type entering struct {
	context.Context
	open func()
}

// Deadline returns what the library asks for first, once it has its connection.
func (e *entering) Deadline() (time.Time, bool) {
	e.open()
	return e.Context.Deadline()
}

// watch returns the logger of c. It goes by the error in what is logged, never by text:
// of an error alone only a failed call speaks, and a subscription that dropped.
func (p *clients) watch(c *client) esdb.LoggingFunc {
	says := p.config.Logger
	return func(level esdb.LogLevel, format string, args ...any) {
		says(level, format, args...)
		if level != esdb.LogError || len(args) != 1 {
			return
		}
		if to, ok := args[0].(esdb.EndPoint); ok { // where the client goes after not-leader
			p.goes(c, addressOf(to))
		}
		if err, ok := args[0].(error); ok && status.Code(err) == codes.Unavailable {
			p.retire(c)
			c.gate.Lock()
			c.gate.Unlock() //nolint:staticcheck // all who held it have gone through
		}
	}
}
