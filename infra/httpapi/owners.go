package httpapi

import (
	"context"

	"github.com/maypok86/otter/v2"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/order"
)

// maxOwners bounds the orders whose customer is remembered: at some 150 bytes each
// that is 10 MiB.
const maxOwners = 65_536

// owners caches the customer of each order. That never changes, so entries are
// never invalidated.
type owners struct {
	kept *otter.Cache[domain.OrderID, domain.CustomerID]
}

func newOwners() owners {
	return owners{otter.Must(&otter.Options[domain.OrderID, domain.CustomerID]{MaximumSize: maxOwners})}
}

func (o owners) find(id domain.OrderID) (domain.CustomerID, bool) { return o.kept.GetIfPresent(id) }

func (o owners) keep(id domain.OrderID, c domain.CustomerID) { o.kept.Set(id, c) }

// checkOwner returns nil if the caller may see the order. An order of another
// customer and one that does not exist both return NotFound with the same text.
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

// ownerOf returns the customer of an order from the log, because views may lag. If
// the stream lacks its first event, the view is asked instead.
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

// ownerInView returns the customer of an order from the view. It returns err if the
// view does not have the order, or if err is transient.
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

// errNoOrder is the error for an order that does not exist or that the caller may not see.
func errNoOrder(id domain.OrderID) error {
	return domain.Errorf(domain.NotFound, "There is no order %s.", id)
}

// forCustomer returns the customer of an order to be placed: the named one, which
// must be the caller's own unless it has [commands.ScopeSupport], or the caller's own if none is named.
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
