package clustertest

import (
	"context"
	"errors"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
)

// errMoved ends a subscription whose node follows another one.
var errMoved = errors.New("the node leads no more")

// reading is a call that reads or subscribes.
type reading struct {
	grpc.ServerStream
	ctx      context.Context
	cancel   context.CancelCauseFunc
	node     *node
	requires bool // the leader

	subscribed bool
	confirmed  bool
	watching   chan struct{} // closed when nobody watches the role any more; nil if nobody ever did
}

func newReading(stream grpc.ServerStream, n *node, requires bool) *reading {
	r := &reading{ServerStream: stream, node: n, requires: requires}
	r.ctx, r.cancel = context.WithCancelCause(stream.Context())
	return r
}

// Context implements grpc.ServerStream. It ends with the leadership, if that is required.
func (r *reading) Context() context.Context { return r.ctx }

func (r *reading) serve(service any, handle grpc.StreamHandler) error {
	err := handle(service, r)
	moved := errors.Is(context.Cause(r.ctx), errMoved)
	r.cancel(nil)
	if r.watching != nil {
		<-r.watching
	}
	if r.subscribed {
		r.node.add(func(c *Count) { c.Subscribers-- })
	}
	if moved {
		if of := r.node.role(); of.role == follows {
			return r.node.notLeader(r.SetTrailer, of.leader)
		}
		return r.node.hold(r.ServerStream.Context()) // the next leader is gone already
	}
	return err
}

// RecvMsg implements grpc.ServerStream. The request says what the call is.
func (r *reading) RecvMsg(m any) error {
	if err := r.ServerStream.RecvMsg(m); err != nil || r.subscribed {
		return err
	}
	switch request := m.(type) {
	case *streams.ReadReq:
		if request.GetOptions().GetSubscription() != nil {
			return r.subscribe(r.confirm)
		}
		if r.requires {
			return r.node.mayRead(r.ctx, r.SetTrailer)
		}
	case *persistent.ReadReq:
		return r.subscribe(func() error { return nil })
	}
	return nil
}

// subscribe lets a subscription begin once its node leads, if the leader is
// required. A node that does not lead confirms it all the same.
func (r *reading) subscribe(confirm func() error) error {
	r.subscribed = true
	r.node.add(func(c *Count) { c.Subscribers++ })
	if !r.requires {
		return nil
	}
	if of := r.node.role(); of.role == follows || of.role == orphaned {
		if err := confirm(); err != nil {
			return err
		}
	}
	of, err := r.settle(orphaned)
	if err != nil {
		return err
	}
	if of.role == follows {
		return r.moved()
	}
	r.watching = make(chan struct{})
	go r.watch()
	return nil
}

// confirm sends the first message of a subscription.
func (r *reading) confirm() error {
	return r.SendMsg(&streams.ReadResp{Content: &streams.ReadResp_Confirmation{
		Confirmation: &streams.ReadResp_SubscriptionConfirmation{SubscriptionId: uuid.NewString()},
	}})
}

// moved ends the call; serve makes the answer.
func (r *reading) moved() error {
	r.cancel(errMoved)
	return errMoved
}

// settle waits while the node has a role in which a subscription is silent.
func (r *reading) settle(silent role) (of now, err error) {
	if of = r.node.role(); of.role != silent {
		return of, nil
	}
	r.node.add(func(c *Count) { c.Silent++ })
	defer r.node.add(func(c *Count) { c.Silent-- })
	for {
		if of = r.node.role(); of.role != silent {
			return of, nil
		}
		select {
		case <-of.changed:
		case <-r.ctx.Done():
			return of, r.ctx.Err()
		}
	}
}

// watch ends the subscription when its node follows another one.
func (r *reading) watch() {
	defer close(r.watching)
	for {
		of := r.node.role()
		if of.role == follows {
			_ = r.moved()
			return
		}
		select {
		case <-of.changed:
		case <-r.ctx.Done():
			return
		}
	}
}

// SendMsg implements grpc.ServerStream. A leader that is deposed has nothing new
// to tell to those that subscribe. A subscription is confirmed once.
func (r *reading) SendMsg(m any) error {
	if answer, ok := m.(*streams.ReadResp); ok && answer.GetConfirmation() != nil {
		if r.confirmed {
			return nil
		}
		r.confirmed = true
	} else if r.subscribed {
		of, err := r.settle(deposed)
		if err != nil {
			return err
		}
		if r.requires && of.role == follows {
			return r.moved()
		}
	}
	return r.ServerStream.SendMsg(m)
}
