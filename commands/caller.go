package commands

import (
	"context"
	"slices"
	"time"

	"orderflow/domain"
)

// Caller is the authenticated sender of a request. It travels in the context. A
// context without a Caller belongs to a process without authentication, where every
// request is allowed.
type Caller struct {
	Subject  string            // a person or a service
	Customer domain.CustomerID // the customer it acts for; empty for none
	Scopes   []string          // see the scopes below
	Expires  time.Time         // when the authentication expires; zero for never
}

// The scopes of a caller. ScopeOrders is limited to the customer's own orders; the
// others cover all data of their kind.
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

// May reports whether the caller has one of the scopes, or [ScopeAdmin].
func (c Caller) May(scopes ...string) bool {
	return slices.ContainsFunc(c.Scopes, func(have string) bool { return have == ScopeAdmin || slices.Contains(scopes, have) })
}

// Owns reports whether the caller may see the data of a customer: its own, or that
// of every customer with [ScopeSupport].
func (c Caller) Owns(customer domain.CustomerID) bool {
	return c.May(ScopeSupport) || c.Customer != "" && c.Customer == customer && c.May(ScopeOrders)
}

type callerKey struct{}

// WithCaller returns a context whose requests are c's.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf returns the caller of ctx; ok is false without authentication.
func CallerOf(ctx context.Context) (c Caller, ok bool) {
	c, ok = ctx.Value(callerKey{}).(Caller)
	return c, ok
}
