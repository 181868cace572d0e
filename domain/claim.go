package domain

import "time"

// Claim is the right of one process to call outside providers for an order until a
// time. It is recorded in a stream of the order before the call, by an append that one
// of several processes wins; the others make no call until the claim has ended.
//
// The zero value is no claim: the log belongs to one process, which needs none.
type Claim struct {
	By    string    `json:"by"`    // the process; a new name at every start
	Until time.Time `json:"until"` // no call is made after it
}

// Excludes reports whether the claim keeps the process named by from calling at now.
func (c Claim) Excludes(by string, now time.Time) bool {
	return c.By != "" && c.By != by && now.Before(c.Until)
}
