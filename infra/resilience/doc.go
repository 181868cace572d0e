// Package resilience stands between the system and its providers, so that a
// provider that is slow or away costs little and is left alone until it is
// back. It wraps a payment gateway or a carrier; the wrapped one has the same
// methods.
//
//	call ─▶ breaker open? ─▶ bulkhead: 20 at once, others queue ─▶ breaker: permit ─▶ timeout 2 s ─▶ provider
//	         │ circuit_open    │ bulkhead_full                      │ circuit_open     │ timeout
//	         ▼ Unavailable     ▼ Unavailable                        ▼ Unavailable      ▼ Unknown
//
// The bulkhead is outside the breaker and the timeout: the time in the queue
// is not the provider's fault and must not trip either, and the one permit of a
// half-open breaker must not be held by a call that is still queueing. The
// glance at the breaker before the queue only saves the wait; the permit behind
// the queue decides.
//
// A business answer (declined, unknown key, wrong amount) shows a provider at
// work and counts as a success. A caller who goes away says nothing about the
// provider: while the breaker is closed such a call is not counted. When it was
// the trial of a half-open breaker nothing was learned and the breaker opens
// for another delay.
//
// Nothing is retried here. Whether a call may be repeated is known only to the
// saga that has recorded it.
package resilience
