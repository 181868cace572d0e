package httpapi

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/projections"
	"orderflow/readmodels"
)

// Limits of what one server takes; those in [Config] may be set lower.
const (
	// MaxBodyBytes bounds a body: 2,000 lines with SKUs of 128 bytes fit.
	MaxBodyBytes = 1 << 20
	// MaxHeaderBytes bounds all headers of a request together.
	MaxHeaderBytes = 16 << 10
	// MaxURIBytes bounds path and query.
	MaxURIBytes = 8 << 10
	// MaxRequests bounds the requests worked on at once, watchers apart.
	MaxRequests = 1_024
	// MaxStreams bounds the watchers of orders at once.
	MaxStreams = 256
	// MaxFresh bounds how long a query waits for the position it demands.
	MaxFresh = 5 * time.Second
)

// Changes tells when orders' rows changed; *projections.Changes is one.
type Changes interface {
	// Watch reports the newest position at which one order's row changed.
	Watch(id domain.OrderID) (positions <-chan eventlog.Position, stop func())
	// Listen reports the changes of all orders, after they are committed.
	Listen() (changes <-chan projections.Change, stop func())
}

// Config has the dependencies of the API. Bus, Log and the views are needed.
type Config struct {
	Bus    commands.Bus
	Log    eventlog.Store
	Orders readmodels.Orders
	Stock  readmodels.Stocks
	Views  readmodels.Readers // for all other questions

	// Await returns when a group of views has the position, or with Unavailable.
	Await func(ctx context.Context, group string, at eventlog.Position) error
	// Holes tells which streams of orders the views set aside, because the log
	// lacks their beginning. Nil for none.
	Holes readmodels.Holes
	// Hidden returns the streams of orders that lack events where they are kept.
	// Nil for none.
	Hidden func() []readmodels.Hole
	// Changes wakes requests that wait for an order. Without it requests do not wait, and
	// no rendered order is kept.
	Changes Changes
	// Ready says why no commands can be taken now, or nil. Nil is always ready.
	Ready func(ctx context.Context) error

	CursorKey []byte // signs cursors; 32 random bytes if empty, so that cursors end with the process
	Version   string // of the program, in the OpenAPI document
	Logger    *slog.Logger
	Clock     func() time.Time
	Observer  Observer

	Requests  int           // at once, MaxRequests if 0
	Streams   int           // at once, MaxStreams if 0
	Fresh     time.Duration // how long a query waits for its position, MaxFresh if 0
	Heartbeat time.Duration // of watchers, heartbeatEvery if 0
}

// Observer is told what a server does; nil funcs are not called. Route is the
// pattern, as in "/v1/orders/{id}", never a path; it is "unmatched" where there is none.
type Observer struct {
	Began  func()
	Ended  func(method, route string, status int, took time.Duration)
	Stream func(delta int) // a watcher came (+1) or went (-1)
}

func (c *Config) complete() {
	if len(c.CursorKey) == 0 {
		c.CursorKey = make([]byte, 32)
		_, _ = rand.Read(c.CursorKey) // never fails: crypto/rand ends the process instead
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Requests == 0 {
		c.Requests = MaxRequests
	}
	if c.Streams == 0 {
		c.Streams = MaxStreams
	}
	if c.Fresh == 0 {
		c.Fresh = MaxFresh
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = heartbeatEvery
	}
	if c.Version == "" {
		c.Version = "dev"
	}
}
