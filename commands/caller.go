package commands

import (
	"context"
	"slices"
	"time"

	"orderflow/domain"
)

// Caller is who sent a request, as an edge that checked it says. It travels in
// the context. A context without one belongs to a process that checks nobody,
// where everybody may do everything.
type Caller struct {
	Subject  string            // who it is: a person, a service
	Customer domain.CustomerID // whose things it may see and order for; empty for none
	Scopes   []string          // what it may do: see the scopes below
	Expires  time.Time         // until when that is known; zero is for ever
}

// The scopes a caller may have. A customer's reach ends at the customer's own
// things; what is named after a part of the system reaches all of it.
const (
	// ScopeOrders places, reads, cancels and returns the caller's own orders.
	ScopeOrders = "orders"
	// ScopeSupport does so for the orders of every customer.
	ScopeSupport = "support"
	// ScopeCatalogue changes articles and stock.
	ScopeCatalogue = "catalogue"
	// ScopeReports reads sales and the figures of the whole shop.
	ScopeReports = "reports"
	// ScopeAdmin does everything, and alone rebuilds, verifies, backs up and resumes.
	ScopeAdmin = "admin"
)

// May says whether the caller has one of the scopes, or [ScopeAdmin].
func (c Caller) May(scopes ...string) bool {
	return slices.ContainsFunc(c.Scopes, func(have string) bool { return have == ScopeAdmin || slices.Contains(scopes, have) })
}

// Owns says whether things of a customer are the caller's to see: its own, or
// everybody's with [ScopeSupport].
func (c Caller) Owns(customer domain.CustomerID) bool {
	return c.May(ScopeSupport) || c.Customer != "" && c.Customer == customer && c.May(ScopeOrders)
}

type callerKey struct{}

// WithCaller returns a context whose requests are c's.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf returns who is behind ctx; ok is false where nobody is checked.
func CallerOf(ctx context.Context) (c Caller, ok bool) {
	c, ok = ctx.Value(callerKey{}).(Caller)
	return c, ok
}
