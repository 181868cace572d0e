package edge

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// The policies of limits; clients see these names in RateLimit-Policy.
const (
	byCustomer = "customer"
	bySubject  = "subject"
	byAddress  = "address"
	byFailures = "failures"
)

// The fields of draft-ietf-httpapi-ratelimit-headers; it is a draft, so they
// are named here and nowhere else.
const (
	limitHeader  = "Ratelimit"
	policyHeader = "Ratelimit-Policy"
)

// take counts a request, tells the client where it stands, and answers it if
// it is over the limit. Without an answer of the limiter a request passes:
// a technical failure never stops business.
func (e *Edge) take(w http.ResponseWriter, r *http.Request, policy, key string, rate Rate) bool {
	if e.options.Limiter == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(r.Context(), limiterWait)
	defer cancel()
	a, err := e.options.Limiter.Take(ctx, policy+":"+key, rate.Requests, rate.Window)
	if err != nil {
		if e.options.Observer.LimiterFailed != nil {
			e.options.Observer.LimiterFailed()
		}
		return true
	}
	wait := a.Reset
	if !a.OK {
		wait = a.Retry
	}
	h, left := w.Header(), seconds(wait)
	if !a.OK {
		left = max(left, 1) // a client that waits 0 s would be refused again
	}
	h[policyHeader] = []string{`"` + policy + `";q=` + strconv.Itoa(rate.Requests) + ";w=" + strconv.Itoa(max(seconds(rate.Window), 1))}
	h[limitHeader] = []string{`"` + policy + `";r=` + strconv.Itoa(max(a.Remaining, 0)) + ";t=" + strconv.Itoa(left)}
	if a.OK {
		return true
	}
	if e.options.Observer.Limited != nil {
		e.options.Observer.Limited(policy)
	}
	e.options.Refuse(w, "rate-limited", "Please try again later", left)
	return false
}

// seconds rounds up: who waits so long has waited long enough.
func seconds(d time.Duration) int {
	return int((max(d, 0) + time.Second - 1) / time.Second)
}
