package esdbserver

import (
	"context"
	"errors"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"orderflow/infra/esdbserver/internal/engine"
)

// reading is a client's request to read, in the engine's terms.
type reading struct {
	stream      string // empty: all
	number      int64  // of a stream, where to begin
	from        *pair  // of all, where to begin if the client wrote a number
	position    uint64 // of all, in the log
	span        engine.Span
	subscribe   bool
	filter      *filter // nil: all
	checkpoints engine.Checkpoints
	form        idForm
	extras      bool // the client knows what is said beside events
}

// Read implements the service: reads and subscriptions.
func (s *streamsService) Read(request *streams.ReadReq, stream streams.Streams_ReadServer) error {
	r, err := parseReading(request.GetOptions())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	if r.filter != nil {
		r.filter.broken = cancel
	}
	name := r.stream
	if name == "" {
		name = allStream
	}
	if err := s.may(ctx, read, name); err != nil {
		return err
	}
	switch {
	case r.subscribe:
		err = s.subscribe(ctx, r, stream)
	case r.stream != "":
		err = s.readStream(ctx, r, stream)
	default:
		err = s.readAll(ctx, r, stream)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil && stream.Context().Err() == nil {
		return cause // the filter broke
	}
	return s.fail(ctx, err)
}

func (s *streamsService) readStream(ctx context.Context, r *reading, to streams.Streams_ReadServer) error {
	sent := 0
	if err := s.sendFirst(ctx, r, to); err != nil {
		return err
	}
	for resolved, err := range s.engine.ReadStream(ctx, r.stream, r.number, r.span) {
		if _, ok := errors.AsType[*engine.NotFoundError](err); ok {
			return to.Send(&streams.ReadResp{Content: &streams.ReadResp_StreamNotFound_{
				StreamNotFound: &streams.ReadResp_StreamNotFound{StreamIdentifier: identifier(r.stream)},
			}})
		}
		if err != nil {
			return err
		}
		if resolved, err = s.unveiled(ctx, resolved); err != nil {
			return err
		}
		if err := to.Send(s.readEvent(resolved, r.form)); err != nil {
			return err
		}
		sent++
	}
	if !r.extras {
		return nil
	}
	return s.sendEnds(ctx, r, sent, to)
}

// firstPageEvents is how many events EventStoreDB looks at before it says
// whether a stream begins later.
const firstPageEvents = 32

// sendFirst tells a client that wants to know where the stream begins, if all of
// the first page lies below that.
func (s *Server) sendFirst(ctx context.Context, r *reading, to streams.Streams_ReadServer) error {
	if !r.extras || r.span.Backwards || r.span.Max == 0 {
		return nil
	}
	first, last, err := s.engine.Shown(ctx, r.stream)
	page := int64(min(r.span.Max, firstPageEvents)) //nolint:gosec // it is small
	if err != nil || first > last || r.number > first-page {
		return err
	}
	return to.Send(&streams.ReadResp{Content: &streams.ReadResp_FirstStreamPosition{FirstStreamPosition: uint64(first)}}) //nolint:gosec // it is not negative
}

// sendEnds tells a client that wants to know where the stream begins and ends.
func (s *streamsService) sendEnds(ctx context.Context, r *reading, sent int, to streams.Streams_ReadServer) error {
	last, err := s.engine.LastNumber(ctx, r.stream)
	if err != nil {
		return err
	}
	if next := last + 1; sent == 0 && !r.span.Backwards && r.number != next {
		if err := to.Send(&streams.ReadResp{Content: &streams.ReadResp_FirstStreamPosition{FirstStreamPosition: uint64(next)}}); err != nil {
			return err
		}
	}
	return to.Send(&streams.ReadResp{Content: &streams.ReadResp_LastStreamPosition{LastStreamPosition: uint64(max(last, 0))}})
}

func (s *streamsService) readAll(ctx context.Context, r *reading, to streams.Streams_ReadServer) error {
	if err := s.locate(ctx, r); err != nil {
		return err
	}
	for resolved, err := range s.engine.ReadAll(ctx, r.position, r.span, r.filter.match()) {
		if err != nil {
			return err
		}
		if resolved, err = s.unveiled(ctx, resolved); err != nil {
			return err
		}
		if err := to.Send(s.readEvent(resolved, r.form)); err != nil {
			return err
		}
	}
	return nil
}

// parseReading reads a request. What EventStoreDB does not combine is refused.
func parseReading(o *streams.ReadReq_Options) (*reading, error) {
	r := &reading{extras: o.GetControlOption().GetCompatibility() >= 1}
	switch o.GetUuidOption().GetContent().(type) {
	case *streams.ReadReq_Options_UUIDOption_Structured:
		r.form = structured
	case *streams.ReadReq_Options_UUIDOption_String_:
		r.form = textual
	default:
		return nil, invalid("The request does not say in what form it wants ids.")
	}
	r.span = engine.Span{Backwards: o.GetReadDirection() == streams.ReadReq_Options_Backwards, ResolveLinks: o.GetResolveLinks()}
	switch count := o.GetCountOption().(type) {
	case *streams.ReadReq_Options_Count:
		r.span.Max = count.Count
	case *streams.ReadReq_Options_Subscription:
		r.subscribe = true
		if r.span.Backwards {
			return nil, invalid("A subscription goes forwards.")
		}
	default:
		return nil, invalid("The request says neither how many events it wants nor that it subscribes.")
	}
	if err := r.parseFilter(o); err != nil {
		return nil, err
	}
	switch from := o.GetStreamOption().(type) {
	case *streams.ReadReq_Options_Stream:
		if r.filter != nil {
			return nil, invalid("Only $all can be filtered.")
		}
		return r, r.parseStream(from.Stream)
	case *streams.ReadReq_Options_All:
		return r, r.parseAll(from.All)
	}
	return nil, invalid("The request names neither a stream nor $all.")
}

func (r *reading) parseStream(o *streams.ReadReq_Options_StreamOptions) (err error) {
	if r.stream, err = streamName(o.GetStreamIdentifier()); err != nil {
		return err
	}
	switch from := o.GetRevisionOption().(type) {
	case *streams.ReadReq_Options_StreamOptions_Revision:
		if r.number, err = revision(from.Revision); err == nil && r.number < 0 {
			r.number = engine.NewestNumber
		}
	case *streams.ReadReq_Options_StreamOptions_Start:
		if r.subscribe {
			r.number = -1 // after it
		}
	case *streams.ReadReq_Options_StreamOptions_End:
		r.number = engine.NewestNumber
	default:
		if !r.subscribe {
			return invalid("The request does not say where to begin.")
		}
		r.number = -1
	}
	return err
}

func (r *reading) parseAll(o *streams.ReadReq_Options_AllOptions) error {
	switch from := o.GetAllOption().(type) {
	case *streams.ReadReq_Options_AllOptions_Position:
		commit, prepare := from.Position.GetCommitPosition(), from.Position.GetPreparePosition()
		switch {
		case commit == math.MaxUint64 && prepare == math.MaxUint64:
			r.position = engine.NewestPosition
		case commit > math.MaxInt64 || prepare > commit:
			return invalid("Trying to read from an invalid position.")
		default:
			r.from = &pair{commit, prepare}
		}
	case *streams.ReadReq_Options_AllOptions_Start:
	case *streams.ReadReq_Options_AllOptions_End:
		r.position = engine.NewestPosition
	default:
		if !r.subscribe {
			return invalid("The request does not say where to begin.")
		}
	}
	return nil
}
