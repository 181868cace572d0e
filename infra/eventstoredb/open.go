package eventstoredb

import (
	"context"
	"slices"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/metadata"

	"orderflow/domain"
)

// filterFor has the server leave out what is not asked for. A prefix lets more
// through than the category ("order" as well as "orders"); the rest is done
// here. A category is all of a name without a dash, so its prefix has none.
func filterFor(categories []string) (*esdb.SubscriptionFilter, error) {
	if len(categories) == 0 {
		return &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: `^[^\$]`}, nil
	}
	prefixes := slices.Compact(slices.Sorted(slices.Values(categories)))
	if len(prefixes) > maxPrefixes {
		return nil, domain.Errorf(domain.Invalid, "A subscription is to at most %d categories, not %d.", maxPrefixes, len(prefixes))
	}
	if prefixes[0] == "" { // the category of "-1"
		prefixes[0] = "-"
	}
	return &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: prefixes}, nil
}

// filterOn returns the filter for the node of c. One that does not say when it has
// caught up may be silent at the end of a filtered subscription; it sends
// everything, so that the last event says it.
func (s *subscription) filterOn(c *client) *esdb.SubscriptionFilter {
	if !c.saysCaughtUp() {
		return nil
	}
	return s.filter
}

// open waits for the confirmation, for a while, and opens the gate of c. The
// library may be stuck where it heeds no context, so it gets a goroutine.
func (s *subscription) open(ctx context.Context, c *client) (*esdb.Subscription, error) {
	type opened struct {
		sub *esdb.Subscription
		err error
	}
	if !s.log.begin() {
		c.gate.RUnlock()
		return nil, errClosed()
	}
	done := make(chan opened, 1)
	options := esdb.SubscribeToAllOptions{
		From: s.place.start(), Filter: s.filterOn(c), MaxSearchWindow: searchWindow, CheckpointInterval: 1, RequiresLeader: true,
	}
	waiting, stop := context.WithCancel(metadata.AppendToOutgoingContext(ctx, "requires-leader", "true"))
	go func() {
		defer s.log.working.Done()
		sub, err := entered(waiting, c, func(ctx context.Context, c *esdb.Client) (*esdb.Subscription, error) {
			return c.SubscribeToAll(ctx, options)
		})
		done <- opened{sub, err}
	}()
	limit, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	select {
	case o := <-done:
		if o.err != nil {
			stop()
		} else {
			context.AfterFunc(ctx, stop)
		}
		return o.sub, o.err
	case <-limit.Done():
		stop()
		return nil, limit.Err()
	}
}
