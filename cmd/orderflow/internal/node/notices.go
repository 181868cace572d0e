package node

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Notice is a condition that an operator must know of while it lasts: what is not as it
// should be, since when, and what to do or what the process is doing about it.
type Notice struct {
	Kind  string    `json:"kind"`  // a fixed word, as in "views_behind"; a label of metrics
	Text  string    `json:"text"`  // for people: one or two sentences, without secrets
	Since time.Time `json:"since"` // when it began
}

// Notices are the conditions of one process, by kind. GET /v1/health and the metric
// orderflow_notice show them. The zero value has none; methods may be called concurrently.
type Notices struct {
	mu     sync.Mutex
	byKind map[string]Notice
}

// Raise begins a condition, or gives the one that lasts a new text; began says which.
func (n *Notices) Raise(kind, text string) (began bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	old, lasts := n.byKind[kind]
	if !lasts {
		old.Since = time.Now()
	}
	if n.byKind == nil {
		n.byKind = map[string]Notice{}
	}
	n.byKind[kind] = Notice{Kind: kind, Text: text, Since: old.Since}
	return !lasts
}

// Clear ends a condition; ended says whether it lasted until now.
func (n *Notices) Clear(kind string) (ended bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ended = n.byKind[kind]
	delete(n.byKind, kind)
	return ended
}

// List returns the conditions that last, by kind.
func (n *Notices) List() []Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]Notice, 0, len(n.byKind))
	for _, notice := range n.byKind {
		all = append(all, notice)
	}
	slices.SortFunc(all, func(a, b Notice) int { return strings.Compare(a.Kind, b.Kind) })
	return all
}
