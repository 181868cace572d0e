package esdbserver

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"

	"orderflow/infra/esdbserver/internal/groups"
)

// Create implements the service.
func (p *persistentService) Create(ctx context.Context, request *persistent.CreateReq) (*persistent.CreateResp, error) {
	return &persistent.CreateResp{}, p.manage(ctx, func(gs *groups.Groups) error {
		key, settings, err := p.parseCreate(request.GetOptions())
		if err != nil {
			return err
		}
		return gs.Create(ctx, by(ctx), key, settings)
	})
}

// Update implements the service.
func (p *persistentService) Update(ctx context.Context, request *persistent.UpdateReq) (*persistent.UpdateResp, error) {
	return &persistent.UpdateResp{}, p.manage(ctx, func(gs *groups.Groups) error {
		key, settings, err := p.parseUpdate(request.GetOptions())
		if err != nil {
			return err
		}
		return gs.Update(ctx, by(ctx), key, settings)
	})
}

// Delete implements the service.
func (p *persistentService) Delete(ctx context.Context, request *persistent.DeleteReq) (*persistent.DeleteResp, error) {
	return &persistent.DeleteResp{}, p.manage(ctx, func(gs *groups.Groups) error {
		return gs.Delete(ctx, by(ctx), keyOf(request.GetOptions()))
	})
}

// ReplayParked implements the service.
func (p *persistentService) ReplayParked(ctx context.Context, request *persistent.ReplayParkedReq) (*persistent.ReplayParkedResp, error) {
	return &persistent.ReplayParkedResp{}, p.manage(ctx, func(gs *groups.Groups) error {
		var stopAt *int64
		if limit, ok := request.GetOptions().GetStopAtOption().(*persistent.ReplayParkedReq_Options_StopAt); ok {
			stopAt = &limit.StopAt
		}
		return gs.Replay(ctx, keyOf(request.GetOptions()), stopAt)
	})
}

// RestartSubsystem implements the service.
func (p *persistentService) RestartSubsystem(ctx context.Context, _ *shared.Empty) (*shared.Empty, error) {
	return &shared.Empty{}, p.manage(ctx, func(gs *groups.Groups) error { return gs.Restart(ctx) })
}

func (p *persistentService) parseCreate(o *persistent.CreateReq_Options) (key groups.Key, s groups.Settings, err error) {
	key.Group = o.GetGroupName()
	s = commonSettings(o.GetSettings())
	if s.Strategy = groups.Strategy(o.GetSettings().GetConsumerStrategy()); s.Strategy == "" {
		s.Strategy = groups.Strategy(o.GetSettings().GetNamedConsumerStrategy().String()) //nolint:staticcheck // deprecated, and in use
	}
	switch from := o.GetStreamOption().(type) {
	case *persistent.CreateReq_Options_Stream:
		if key.Stream, err = groupStream(key.Group, from.Stream.GetStreamIdentifier()); err != nil {
			return key, s, err
		}
		switch at := from.Stream.GetRevisionOption().(type) {
		case *persistent.CreateReq_StreamOptions_Revision:
			s.Start, err = startAt(key, at.Revision)
		case *persistent.CreateReq_StreamOptions_Start:
		case *persistent.CreateReq_StreamOptions_End:
			s.Start.End = true
		default:
			err = invalid("The request does not say where to begin.")
		}
	case *persistent.CreateReq_Options_All:
		key.Stream = groups.AllStream
		switch at := from.All.GetAllOption().(type) {
		case *persistent.CreateReq_AllOptions_Position:
			s.Start, err = p.startAfter(key, at.Position)
		case *persistent.CreateReq_AllOptions_Start:
		case *persistent.CreateReq_AllOptions_End:
			s.Start.End = true
		default:
			err = invalid("The request does not say where to begin.")
		}
		if err == nil {
			s.Filter, err = groupFilter(from.All)
		}
	default: // of clients from before there were groups on $all
		if key.Stream, err = groupStream(key.Group, o.GetStreamIdentifier()); err == nil { //nolint:staticcheck // as above
			s.Start, err = startAt(key, o.GetSettings().GetRevision()) //nolint:staticcheck // as above
		}
	}
	return key, s, err
}

func (p *persistentService) parseUpdate(o *persistent.UpdateReq_Options) (key groups.Key, s groups.Settings, err error) {
	key.Group = o.GetGroupName()
	s = commonSettings(o.GetSettings())
	s.Strategy = groups.Strategy(o.GetSettings().GetNamedConsumerStrategy().String())
	switch from := o.GetStreamOption().(type) {
	case *persistent.UpdateReq_Options_Stream:
		if key.Stream, err = groupStream(key.Group, from.Stream.GetStreamIdentifier()); err != nil {
			return key, s, err
		}
		switch at := from.Stream.GetRevisionOption().(type) {
		case *persistent.UpdateReq_StreamOptions_Revision:
			s.Start, err = startAt(key, at.Revision)
		case *persistent.UpdateReq_StreamOptions_Start:
		case *persistent.UpdateReq_StreamOptions_End:
			s.Start.End = true
		default:
			err = invalid("The request does not say where to begin.")
		}
	case *persistent.UpdateReq_Options_All:
		key.Stream = groups.AllStream
		switch at := from.All.GetAllOption().(type) {
		case *persistent.UpdateReq_AllOptions_Position:
			s.Start, err = p.startAfter(key, at.Position)
		case *persistent.UpdateReq_AllOptions_Start:
		case *persistent.UpdateReq_AllOptions_End:
			s.Start.End = true
		default:
			err = invalid("The request does not say where to begin.")
		}
	default:
		if key.Stream, err = groupStream(key.Group, o.GetStreamIdentifier()); err == nil { //nolint:staticcheck // deprecated, and in use
			s.Start, err = startAt(key, o.GetSettings().GetRevision()) //nolint:staticcheck // as above
		}
	}
	return key, s, err
}

// groupStream returns the stream that a group is to read.
func groupStream(group string, id *shared.StreamIdentifier) (string, error) {
	name := string(id.GetStreamName())
	if name == "" || name == groups.AllStream {
		return "", &groups.Error{Kind: groups.Failed, Key: groups.Key{Stream: name, Group: group}, Reason: "the stream of a persistent subscription has a name, and it is not $all"}
	}
	return streamName(id)
}

// startAt returns a start at the number of an event; 2^64-1 is the end.
func startAt(key groups.Key, number uint64) (groups.Start, error) {
	switch {
	case number == math.MaxUint64:
		return groups.Start{End: true}, nil
	case number > math.MaxInt64:
		return groups.Start{}, &groups.Error{Kind: groups.Failed, Key: key, Reason: "the start " + strconv.FormatUint(number, 10) + " is no revision"}
	}
	return groups.Start{At: groups.Place(number)}, nil
}

// startAfter is a start at a position of $all.
func (p *persistentService) startAfter(key groups.Key, at interface {
	GetCommitPosition() uint64
	GetPreparePosition() uint64
},
) (groups.Start, error) {
	commit, prepare := at.GetCommitPosition(), at.GetPreparePosition()
	switch {
	case commit == math.MaxUint64 && prepare == math.MaxUint64:
		return groups.Start{End: true}, nil
	case commit > math.MaxInt64 || prepare > commit:
		return groups.Start{}, &groups.Error{Kind: groups.Failed, Key: key, Reason: "the prepare position of the start must not be above its commit position"}
	}
	place, exact := p.options.Positions.Inward(commit)
	start := groups.Start{At: groups.Place(place)} //nolint:gosec // it is below 2^63
	if !exact {
		start.Invalid = fmt.Sprintf("C:%d/P:%d", commit, prepare)
	}
	return start, nil
}

func groupFilter(o *persistent.CreateReq_AllOptions) (*groups.Filter, error) {
	options, ok := o.GetFilterOption().(*persistent.CreateReq_AllOptions_Filter)
	if !ok {
		return nil, nil
	}
	switch f := options.Filter.GetFilter().(type) {
	case *persistent.CreateReq_AllOptions_FilterOptions_StreamIdentifier:
		return &groups.Filter{Regex: f.StreamIdentifier.GetRegex(), Prefixes: f.StreamIdentifier.GetPrefix()}, nil
	case *persistent.CreateReq_AllOptions_FilterOptions_EventType:
		return &groups.Filter{EventType: true, Regex: f.EventType.GetRegex(), Prefixes: f.EventType.GetPrefix()}, nil
	}
	return nil, invalid("The filter says neither stream nor type.")
}

// wireSettings is the part that the requests to create and to update share.
type wireSettings interface {
	GetResolveLinks() bool
	GetExtraStatistics() bool
	GetMaxRetryCount() int32
	GetMinCheckpointCount() int32
	GetMaxCheckpointCount() int32
	GetMaxSubscriberCount() int32
	GetLiveBufferSize() int32
	GetReadBatchSize() int32
	GetHistoryBufferSize() int32
	GetMessageTimeoutMs() int32
	GetMessageTimeoutTicks() int64
	GetCheckpointAfterMs() int32
	GetCheckpointAfterTicks() int64
}

func commonSettings(w wireSettings) groups.Settings {
	return groups.Settings{
		ResolveLinks: w.GetResolveLinks(), ExtraStatistics: w.GetExtraStatistics(),
		MaxRetries: int(w.GetMaxRetryCount()), MaxClients: int(w.GetMaxSubscriberCount()),
		MinCheckpoint: int(w.GetMinCheckpointCount()), MaxCheckpoint: int(w.GetMaxCheckpointCount()),
		LiveBuffer: int(w.GetLiveBufferSize()), HistoryBuffer: int(w.GetHistoryBufferSize()), ReadBatch: int(w.GetReadBatchSize()),
		MessageTimeout:  duration(w.GetMessageTimeoutMs(), w.GetMessageTimeoutTicks()),
		CheckpointAfter: duration(w.GetCheckpointAfterMs(), w.GetCheckpointAfterTicks()),
	}
}

// duration returns what a client wrote in one unit or the other. Less than a
// millisecond is one: it is stored in those, and none would mean for ever.
func duration(ms int32, ticks int64) time.Duration {
	const ticksPerMs = int64(time.Millisecond / (100 * time.Nanosecond))
	n := int64(ms)
	if ticks > 0 {
		n = min((ticks-1)/ticksPerMs+1, math.MaxInt32)
	}
	return time.Duration(max(n, 0)) * time.Millisecond
}
