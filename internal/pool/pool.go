// Package pool runs work in goroutines and uses them again: a new one has to grow its
// stack step by step, which costs as much as a short piece of work.
package pool

import (
	"sync"

	"orderflow/internal/broadcast"
)

// MaxIdle bounds the idle goroutines that one Pool keeps: at some 8 KiB each, 1 MiB.
const MaxIdle = 128

// Pool is a worker pool. It does not bound the work under way. Idle workers exit when
// no worker is busy and no [Pool.Hold] lasts, so a Pool needs no Close. Make one with
// [New].
type Pool[T any] struct {
	do   func(T)
	next chan T // received by idle workers

	mu      sync.Mutex
	busy    int // workers with work, and holds
	idle    int
	drained broadcast.Signal // sent when busy falls to 0
	workers sync.WaitGroup
}

// New returns a pool without workers; do does a piece of work.
func New[T any](do func(T)) *Pool[T] { return &Pool[T]{do: do, next: make(chan T)} }

// Run does a piece of work in a goroutine and returns at once.
func (p *Pool[T]) Run(work T) {
	p.begin()
	select {
	case p.next <- work:
	default:
		p.workers.Go(func() {
			for again := true; again; work, again = p.await() {
				p.do(work)
			}
		})
	}
}

// Hold keeps idle workers until release is called, once.
func (p *Pool[T]) Hold() (release func()) {
	p.begin()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.end()
	}
}

// Wait returns when all work is done and no worker is left. Nothing may be run and no
// hold may last meanwhile.
func (p *Pool[T]) Wait() { p.workers.Wait() }

func (p *Pool[T]) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy++
}

// end sends drained if nothing is left to do. The caller holds mu.
func (p *Pool[T]) end() {
	if p.busy--; p.busy == 0 {
		p.drained.Send()
	}
}

// await ends a piece of work and waits for the next. False tells the worker to exit.
func (p *Pool[T]) await() (work T, ok bool) {
	drained, stay := p.rest()
	if !stay {
		return work, false
	}
	select {
	case work = <-p.next:
		ok = true
	case <-drained:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle--
	return work, ok
}

// rest makes a worker idle. Stay is false if it is not needed: nothing is busy, or
// enough are idle.
func (p *Pool[T]) rest() (drained <-chan struct{}, stay bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end(); p.busy == 0 || p.idle == MaxIdle {
		return nil, false
	}
	p.idle++
	return p.drained.Wait(), true
}
