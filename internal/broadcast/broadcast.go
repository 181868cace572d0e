// Package broadcast wakes every goroutine that waits for a change.
package broadcast

import "sync"

// Signal wakes all its waiters at once. The zero value is ready; a Signal must not
// be copied. Without waiters a Send costs a lock and allocates nothing.
type Signal struct {
	mu   sync.Mutex
	next chan struct{} // closed by the next Send; nil without waiters
}

// Wait returns a channel that the next Send closes. To miss no change, call Wait
// first and look at the state afterwards, or do both under the lock under which the
// state changes.
func (s *Signal) Wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(chan struct{})
	}
	return s.next
}

// Send closes the channels that Wait has returned. It does not block.
func (s *Signal) Send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		close(s.next)
		s.next = nil
	}
}
