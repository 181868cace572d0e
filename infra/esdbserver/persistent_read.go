package esdbserver

import (
	"context"
	"errors"
	"io"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/internal/groups"
)

// Read implements the service: a client that takes events of a group and says
// what became of them, until either has had enough.
func (p *persistentService) Read(stream persistent.PersistentSubscriptions_ReadServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	options := first.GetOptions()
	if options == nil {
		return invalid("The first message of a subscription has its options.")
	}
	var form idForm
	switch options.GetUuidOption().GetContent().(type) {
	case *persistent.ReadReq_Options_UUIDOption_Structured:
		form = structured
	case *persistent.ReadReq_Options_UUIDOption_String_:
		form = textual
	default:
		return invalid("The request does not say in what form it wants ids.")
	}
	ctx, key := stream.Context(), keyOf(options)
	if err := p.mayShare(ctx); err != nil {
		return err
	}
	if err := p.may(ctx, read, key.Stream); err != nil {
		return err
	}
	gs, err := p.groups(ctx)
	if err != nil {
		return p.answer(ctx, err)
	}
	client, err := gs.Connect(ctx, key, peerOf(ctx), int(options.GetBufferSize()))
	if err != nil {
		return p.answer(ctx, err)
	}
	defer client.Close()
	p.options.Hooks.subscribed(1)
	defer p.options.Hooks.subscribed(-1)
	if err := stream.Send(&persistent.ReadResp{Content: &persistent.ReadResp_SubscriptionConfirmation_{
		SubscriptionConfirmation: &persistent.ReadResp_SubscriptionConfirmation{SubscriptionId: key.String()},
	}}); err != nil {
		return err
	}
	heard := make(chan error, 1)
	go func() { heard <- listen(stream, client) }() // ends with the call
	return p.answer(ctx, p.deliver(stream, key, form, client, heard))
}

// deliver sends events until something ends.
func (p *persistentService) deliver(
	to persistent.PersistentSubscriptions_ReadServer, key groups.Key, form idForm, client *groups.Client, heard <-chan error,
) error {
	seen := p.engine.MetadataWrites()
	for {
		select {
		case d := <-client.Deliveries():
			if now := p.engine.MetadataWrites(); now != seen {
				seen = now
				if err := p.may(to.Context(), read, key.Stream); err != nil {
					return err
				}
			}
			var err error
			if d.Event.Resolved, err = p.unveiled(to.Context(), d.Event.Resolved); err != nil {
				return err
			}
			if err := to.Send(p.delivery(d, form)); err != nil {
				return err
			}
		case <-client.Dropped():
			return client.Err()
		case err := <-heard:
			if errors.Is(err, io.EOF) { // nothing could be acknowledged any more
				return nil
			}
			return err
		case <-to.Context().Done():
			return to.Context().Err()
		}
	}
}

// listen passes on what a client says until it says no more.
func listen(from persistent.PersistentSubscriptions_ReadServer, client *groups.Client) error {
	for {
		request, err := from.Recv()
		if err != nil {
			return err
		}
		var ids []eventlog.EventID
		switch said := request.GetContent().(type) {
		case *persistent.ReadReq_Ack_:
			if ids, err = parseIDs(said.Ack.GetIds()); err == nil {
				err = client.Ack(from.Context(), ids)
			}
		case *persistent.ReadReq_Nack_:
			action := groups.Action(said.Nack.GetAction())
			if action < groups.ActionUnknown || action > groups.ActionStop {
				action = groups.ActionUnknown
			}
			if ids, err = parseIDs(said.Nack.GetIds()); err == nil {
				err = client.Nack(from.Context(), ids, action, said.Nack.GetReason())
			}
		default:
			err = invalid("A subscription says which events it acknowledges or not, and nothing else.")
		}
		if err != nil {
			return err
		}
	}
}

func parseIDs(wire []*shared.UUID) ([]eventlog.EventID, error) {
	ids := make([]eventlog.EventID, len(wire))
	for i, w := range wire {
		var err error
		if ids[i], err = parseID(w); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// peerOf returns what the group is told about a client.
func peerOf(ctx context.Context) groups.Peer {
	who := groups.Peer{User: by(ctx), Connection: "<unknown>"}
	if p, ok := peer.FromContext(ctx); ok {
		who.Address = p.Addr.String()
	}
	if names := metadata.ValueFromIncomingContext(ctx, "connection-name"); len(names) > 0 && names[0] != "" {
		who.Connection = names[0]
	}
	return who
}

func (p *persistentService) delivery(d groups.Delivery, form idForm) *persistent.ReadResp {
	r := d.Event.Resolved
	return &persistent.ReadResp{Content: &persistent.ReadResp_Event{Event: &persistent.ReadResp_ReadEvent{
		Event: p.sharedEvent(r.Event, form), Link: p.sharedEvent(r.Link, form),
		Position: &persistent.ReadResp_ReadEvent_CommitPosition{CommitPosition: p.options.Positions.Outward(r.Original().Position)},
		Count:    &persistent.ReadResp_ReadEvent_RetryCount{RetryCount: int32(min(d.Retries, math.MaxInt32))},
	}}}
}

// sharedEvent returns an event in the form of this service, which has the fields of
// the other one.
func (p *persistentService) sharedEvent(e *engine.Event, form idForm) *persistent.ReadResp_ReadEvent_RecordedEvent {
	if e == nil {
		return nil
	}
	w := p.recordedEvent(e, form)
	return &persistent.ReadResp_ReadEvent_RecordedEvent{
		Id: w.Id, StreamIdentifier: w.StreamIdentifier, StreamRevision: w.StreamRevision,
		PreparePosition: w.PreparePosition, CommitPosition: w.CommitPosition,
		Metadata: w.Metadata, CustomMetadata: w.CustomMetadata, Data: w.Data,
	}
}
