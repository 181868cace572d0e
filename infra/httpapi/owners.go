package httpapi

import (
	"context"
	"hash/maphash"
	"sync"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/order"
)

const (
	// ownerShards keeps requests for different orders out of each other's way.
	ownerShards = 16
	// maxOwners bounds the orders whose customer is remembered, all shards
	// together; at some 150 bytes each that is 10 MiB.
	maxOwners = 65_536
)

// owners remembers whose an order is. That never changes, so it never has to
// forget; the zero value is ready.
type owners struct {
	shards [ownerShards]struct {
		mu   sync.Mutex
		kept map[domain.OrderID]domain.CustomerID
	}
}

var ownerSeed = maphash.MakeSeed() //nolint:gochecknoglobals // constant for the process

func (o *owners) find(id domain.OrderID) (domain.CustomerID, bool) {
	s := &o.shards[maphash.String(ownerSeed, string(id))%ownerShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.kept[id]
	return c, ok
}

func (o *owners) keep(id domain.OrderID, c domain.CustomerID) {
	s := &o.shards[maphash.String(ownerSeed, string(id))%ownerShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[domain.OrderID]domain.CustomerID{}
	}
	for other := range s.kept { // in no order, which is as good as any
		if len(s.kept) < maxOwners/ownerShards {
			break
		}
		delete(s.kept, other)
	}
	s.kept[id] = c
}

// checkOwner is nil if an order is the caller's to see. One that is not and one that
// does not exist are the same to it: NotFound, in the same words.
func (s *server) checkOwner(ctx context.Context, c commands.Caller, name string) error {
	id, err := orderID(name)
	if err != nil || c.May(commands.ScopeSupport) {
		return err
	}
	owner, err := s.ownerOf(ctx, id)
	if err == nil && !c.Owns(owner) {
		err = errNoOrder(id)
	}
	return err
}

// ownerOf reads whose an order is from the log: views may not have heard of it
// yet. Of an order whose stream lacks that event the view still knows.
func (s *server) ownerOf(ctx context.Context, id domain.OrderID) (domain.CustomerID, error) {
	if c, ok := s.owners.find(id); ok {
		return c, nil
	}
	for r, err := range s.config.Log.Read(ctx, order.Stream(id), 0) {
		if err != nil {
			return s.ownerInView(ctx, id, err)
		}
		e, known, err := order.Codec.Decode(r)
		if err != nil {
			return "", err
		}
		placed, first := e.(order.Placed)
		if !known || !first {
			return "", domain.Errorf(domain.Internal, "order %s does not begin with being placed", id)
		}
		s.owners.keep(id, placed.Customer)
		return placed.Customer, nil
	}
	return s.ownerInView(ctx, id, errNoOrder(id))
}

// ownerInView returns whose an order is for the view, or err if that does not know
// it either or err is for now only.
func (s *server) ownerInView(ctx context.Context, id domain.OrderID, err error) (domain.CustomerID, error) {
	if kind := domain.KindOf(err); kind != domain.Incomplete && kind != domain.NotFound {
		return "", err
	}
	o, viewErr := s.config.Orders.Order(ctx, id)
	if viewErr != nil {
		return "", err
	}
	s.owners.keep(id, o.Customer)
	return o.Customer, nil
}

// errNoOrder says that there is no such order, or none for who asks.
func errNoOrder(id domain.OrderID) error {
	return domain.Errorf(domain.NotFound, "There is no order %s.", id)
}

// forCustomer says for whom a caller orders: for the customer it names, which
// must be its own unless it has [commands.ScopeSupport], and for its own if it names none.
func forCustomer(ctx context.Context, named domain.CustomerID) (domain.CustomerID, error) {
	c, checked := commands.CallerOf(ctx)
	switch {
	case !checked:
		return named, nil
	case named == "":
		return c.Customer, nil
	case !c.Owns(named):
		return "", problem("forbidden", "The order is for another customer than the caller's own: leave customer out, or have the scope "+commands.ScopeSupport+".")
	}
	return named, nil
}
