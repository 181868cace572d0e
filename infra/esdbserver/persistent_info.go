package esdbserver

import (
	"context"
	"math"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"

	"orderflow/infra/esdbserver/internal/groups"
)

// GetInfo implements the service.
func (p *persistentService) GetInfo(ctx context.Context, request *persistent.GetInfoReq) (*persistent.GetInfoResp, error) {
	if err := p.mayShare(ctx); err != nil {
		return nil, err
	}
	gs, err := p.groups(ctx)
	if err != nil {
		return nil, p.answer(ctx, err)
	}
	info, err := gs.Info(ctx, keyOf(request.GetOptions()))
	if err != nil {
		return nil, p.answer(ctx, err)
	}
	return &persistent.GetInfoResp{SubscriptionInfo: p.subscriptionInfo(info)}, nil
}

// List implements the service.
func (p *persistentService) List(ctx context.Context, request *persistent.ListReq) (*persistent.ListResp, error) {
	if err := p.mayShare(ctx); err != nil {
		return nil, err
	}
	stream := ""
	switch o := request.GetOptions().GetListOption().(type) {
	case *persistent.ListReq_Options_ListAllSubscriptions:
	case *persistent.ListReq_Options_ListForStream:
		stream = string(o.ListForStream.GetStream().GetStreamName())
		if o.ListForStream.GetAll() != nil {
			stream = groups.AllStream
		}
		if stream == "" {
			return nil, invalid("The request names neither a stream nor $all.")
		}
	default:
		return nil, invalid("The request does not say what to list.")
	}
	gs, err := p.groups(ctx)
	if err != nil {
		return nil, p.answer(ctx, err)
	}
	infos, err := gs.List(ctx, stream)
	if err != nil {
		return nil, p.answer(ctx, err)
	}
	answer := &persistent.ListResp{}
	for _, info := range infos {
		answer.Subscriptions = append(answer.Subscriptions, p.subscriptionInfo(info))
	}
	return answer, nil
}

// subscriptionInfo returns a group as clients are told of it.
func (p *persistentService) subscriptionInfo(i groups.Info) *persistent.SubscriptionInfo {
	s, all := i.Settings, i.Key.Stream == groups.AllStream
	w := &persistent.SubscriptionInfo{
		EventSource: i.Key.Stream, GroupName: i.Key.Group, Status: i.Status,
		AveragePerSecond: small(i.PerSecond), TotalItems: int64(i.Delivered), CountSinceLastMeasurement: int64(i.SinceLast),
		ResolveLinkTos: s.ResolveLinks, StartFrom: p.start(s.Start, all), ExtraStatistics: s.ExtraStatistics,
		MessageTimeoutMilliseconds: milliseconds(s.MessageTimeout), MaxRetryCount: small(s.MaxRetries),
		LiveBufferSize: small(s.LiveBuffer), BufferSize: small(s.HistoryBuffer), ReadBatchSize: small(s.ReadBatch),
		CheckPointAfterMilliseconds: milliseconds(s.CheckpointAfter),
		MinCheckPointCount:          small(s.MinCheckpoint), MaxCheckPointCount: small(s.MaxCheckpoint),
		ReadBufferCount: small(i.ReadBuffer), LiveBufferCount: int64(i.LiveBuffer), RetryBufferCount: small(i.RetryBuffer),
		TotalInFlightMessages: small(i.InFlight), OutstandingMessagesCount: small(i.InFlight),
		NamedConsumerStrategy: string(s.Strategy), MaxSubscriberCount: small(s.MaxClients), ParkedMessageCount: i.Parked,
	}
	if i.Saved {
		w.LastCheckpointedEventPosition = p.text(i.Checkpoint, all)
	}
	if i.LastKnown > groups.Nowhere && (!all || i.LastKnown > 0) {
		w.LastKnownEventPosition = p.text(i.LastKnown, all)
	}
	for _, c := range i.Clients {
		connection := &persistent.SubscriptionInfo_ConnectionInfo{
			From: c.Peer.Address, Username: c.Peer.User, ConnectionName: c.Peer.Connection,
			AverageItemsPerSecond: small(c.PerSecond), TotalItems: int64(c.Delivered), CountSinceLastMeasurement: int64(c.SinceLast),
			AvailableSlots: small(c.Slots), InFlightMessages: small(c.InFlight),
		}
		for _, m := range c.Observed {
			connection.ObservedMeasurements = append(connection.ObservedMeasurements, &persistent.SubscriptionInfo_Measurement{
				Key: m.Name, Value: m.Took.Milliseconds(),
			})
		}
		w.Connections = append(w.Connections, connection)
	}
	return w
}

func small(n int) int32 { return int32(max(math.MinInt32, min(n, math.MaxInt32))) }

func milliseconds(d time.Duration) int32 { return int32(min(d.Milliseconds(), math.MaxInt32)) }
