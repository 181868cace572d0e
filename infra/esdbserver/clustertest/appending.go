package clustertest

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
)

// appending is a call that appends once: some messages, and then their end.
type appending struct {
	grpc.ServerStream
	node  *node
	begun bool
	write *writing
}

// serve handles the call. A client takes no answer for one before the call has
// ended, so one that is to be lost is held back here.
func (a *appending) serve(service any, handle grpc.StreamHandler) error {
	err := handle(service, a)
	if a.write == nil {
		return err
	}
	if lost := a.write.end(); lost { // a refusal is an answer too
		return a.node.hold(a.Context())
	}
	return err
}

// RecvMsg implements grpc.ServerStream. The end of the messages is passed on
// when the node may store them.
func (a *appending) RecvMsg(m any) error {
	err := a.ServerStream.RecvMsg(m)
	switch {
	case err == nil && !a.begun:
		a.begun = true
		return a.node.mayBegin(a.Context(), a.SetTrailer)
	case errors.Is(err, io.EOF) && a.write == nil:
		write, refused := a.node.mayWrite(a.Context(), a.SetTrailer)
		if refused != nil {
			return refused
		}
		a.write = write
	}
	return err
}

// batching is a call that appends again and again.
type batching struct {
	grpc.ServerStream
	node *node

	mu   sync.Mutex
	open map[string]*writing // by correlation
}

func (b *batching) serve(service any, handle grpc.StreamHandler) error {
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, w := range b.open {
			w.end()
		}
	}()
	return handle(service, b)
}

// RecvMsg implements grpc.ServerStream. The last part of a batch is passed on
// when the node may store the batch. While there is no leader it is dropped, and
// with it the call.
func (b *batching) RecvMsg(m any) error {
	if err := b.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	request, ok := m.(*streams.BatchAppendReq)
	if !ok || !request.GetIsFinal() {
		return b.node.mayBegin(b.Context(), b.SetTrailer)
	}
	w, err := b.node.mayWrite(b.Context(), b.SetTrailer)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	id := correlation(request.GetCorrelationId())
	if former := b.open[id]; former != nil {
		former.end()
	}
	b.open[id] = w
	return nil
}

// SendMsg implements grpc.ServerStream.
func (b *batching) SendMsg(m any) error {
	answer, ok := m.(*streams.BatchAppendResp)
	if !ok {
		return b.ServerStream.SendMsg(m)
	}
	b.mu.Lock()
	id := correlation(answer.GetCorrelationId())
	w := b.open[id]
	delete(b.open, id)
	b.mu.Unlock()
	if w != nil {
		if lost := w.end(); lost {
			b.node.add(func(c *Count) { c.Unanswered++ })
			return nil
		}
	}
	return b.ServerStream.SendMsg(m)
}

// correlation returns what tells batches of one call apart.
func correlation(id *shared.UUID) string {
	bits := id.GetStructured()
	return fmt.Sprint(bits.GetMostSignificantBits(), bits.GetLeastSignificantBits(), id.GetString_())
}
