package groups

import (
	"context"

	"orderflow/domain/eventlog"
)

// Peer is the connection and user of a client, for info about the group.
type Peer struct{ Address, User, Connection string }

// Client is one of those that share a group. Close it when it is gone.
type Client struct {
	group      *group
	id         ClientID
	peer       Peer
	deliveries chan Delivery
	dropped    chan struct{}
	err        error // set before dropped is closed
}

// Deliveries returns the client's events. The channel holds as many as the client
// takes, and is never closed.
func (c *Client) Deliveries() <-chan Delivery { return c.deliveries }

// Dropped is closed when the client gets no more; Err says why.
func (c *Client) Dropped() <-chan struct{} { return c.dropped }

// Err is why the client was dropped, to be asked after that.
func (c *Client) Err() error { return c.err }

// Ack acknowledges events.
func (c *Client) Ack(ctx context.Context, ids []eventlog.EventID) error {
	return c.group.ask(ctx, func() { c.group.step(Ack{IDs: ids}) })
}

// Nack reports events that the client did not handle.
func (c *Client) Nack(ctx context.Context, ids []eventlog.EventID, action Action, reason string) error {
	return c.group.ask(ctx, func() { c.group.step(Nack{IDs: ids, Action: action, Reason: reason}) })
}

// Close gives back what the client has not acknowledged.
func (c *Client) Close() {
	_ = c.group.ask(context.Background(), func() { c.group.leave(c) }) // fails only if there is no group to leave
}
