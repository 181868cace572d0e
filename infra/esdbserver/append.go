package esdbserver

import (
	"context"
	"errors"
	"io"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"

	"orderflow/infra/esdbserver/internal/engine"
)

// streamsService appends to streams, reads them and ends them.
type streamsService struct {
	streams.UnimplementedStreamsServer
	*Server
}

// maxIncomingBytes bounds the bytes that are read of a refused append.
const maxIncomingBytes = 32 << 20

// Append implements the service.
func (s *streamsService) Append(stream streams.Streams_AppendServer) error {
	ctx := stream.Context()
	request, err := stream.Recv()
	if err != nil {
		return received(err)
	}
	options := request.GetOptions()
	if options == nil {
		return thrown()
	}
	w, err := writeOf(options.GetStreamIdentifier(), options.GetExpectedStreamRevision())
	if err != nil {
		return err
	}
	if err := s.may(ctx, write, w.Stream); err != nil {
		return err
	}
	bytes, data := 0, 0
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return received(err)
		}
		message := request.GetProposedMessage()
		if message == nil {
			return thrown()
		}
		event, err := proposed(message)
		if err != nil {
			return s.refused(ctx, err)
		}
		data += len(event.Data)
		bytes += len(event.Data) + len(event.Metadata) + len(event.Type)
		if err := s.engine.CheckSize(data, bytes, len(w.Events)); err != nil { // before the rest of it is taken in
			return s.fail(ctx, err)
		}
		w.Events = append(w.Events, event)
	}
	written, err := s.engine.Append(ctx, w)
	if wrong, ok := errors.AsType[*engine.WrongExpectedError](err); ok {
		return stream.SendAndClose(wrongAnswer(wrong))
	}
	if err != nil {
		return s.fail(ctx, err)
	}
	s.options.Hooks.appended(len(w.Events), bytes)
	return stream.SendAndClose(appended(s.told(written)))
}

// received is the error of a client that ended its call too early.
func received(err error) error {
	if errors.Is(err, io.EOF) {
		return thrown()
	}
	return err
}

// refused is for an event that cannot be appended.
func (s *Server) refused(ctx context.Context, err error) error {
	if required, ok := errors.AsType[*requiredError](err); ok {
		return failed(ctx, codes.InvalidArgument, required.Error(), "missing-required-metadata-property", trailerRequired, required.properties)
	}
	return err
}

// writeOf reads where a client wants to write.
func writeOf(id *shared.StreamIdentifier, expected any) (w engine.Write, err error) {
	if w.Stream, err = streamName(id); err != nil {
		return w, err
	}
	w.Expected, err = expectation(expected)
	return w, err
}

// expectation reads the expectation of any request: each has types of its own.
func expectation(of any) (engine.Expected, error) {
	switch e := of.(type) {
	case *streams.AppendReq_Options_Revision:
		return expectedAt(e.Revision)
	case *streams.DeleteReq_Options_Revision:
		return expectedAt(e.Revision)
	case *streams.TombstoneReq_Options_Revision:
		return expectedAt(e.Revision)
	case *streams.BatchAppendReq_Options_StreamPosition:
		return expectedAt(e.StreamPosition)
	case *streams.AppendReq_Options_NoStream, *streams.DeleteReq_Options_NoStream, *streams.TombstoneReq_Options_NoStream,
		*streams.BatchAppendReq_Options_NoStream:
		return engine.NoStream, nil
	case *streams.AppendReq_Options_Any, *streams.DeleteReq_Options_Any, *streams.TombstoneReq_Options_Any,
		*streams.BatchAppendReq_Options_Any:
		return engine.Any, nil
	case *streams.AppendReq_Options_StreamExists, *streams.DeleteReq_Options_StreamExists, *streams.TombstoneReq_Options_StreamExists,
		*streams.BatchAppendReq_Options_StreamExists:
		return engine.StreamExists, nil
	}
	return 0, invalid("The request says nothing of the revision it expects.")
}

func expectedAt(n uint64) (engine.Expected, error) {
	number, err := revision(n)
	return engine.Expected(number), err
}

func appended(w engine.Written) *streams.AppendResp {
	success := &streams.AppendResp_Success{
		CurrentRevisionOption: &streams.AppendResp_Success_CurrentRevision{CurrentRevision: uint64(w.Number)},
		PositionOption:        &streams.AppendResp_Success_NoPosition{NoPosition: &shared.Empty{}},
	}
	if w.Number < 0 {
		success.CurrentRevisionOption = &streams.AppendResp_Success_NoStream{NoStream: &shared.Empty{}}
	}
	if w.HasPosition {
		success.PositionOption = &streams.AppendResp_Success_Position{
			Position: &streams.AppendResp_Position{CommitPosition: w.Position, PreparePosition: w.Position},
		}
	}
	return &streams.AppendResp{Result: &streams.AppendResp_Success_{Success: success}}
}

// wrongAnswer is no error for a client; it tells everything twice, for clients
// of both ages.
func wrongAnswer(e *engine.WrongExpectedError) *streams.AppendResp {
	w := &streams.AppendResp_WrongExpectedVersion{}
	if e.Actual < 0 {
		w.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &shared.Empty{}}
		w.CurrentRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_NoStream_20_6_0{NoStream_20_6_0: &shared.Empty{}}
	} else {
		at := uint64(e.Actual)
		w.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentRevision{CurrentRevision: at}
		w.CurrentRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_CurrentRevision_20_6_0{CurrentRevision_20_6_0: at}
	}
	switch e.Expected {
	case engine.Any:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedAny{ExpectedAny: &shared.Empty{}}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_Any_20_6_0{Any_20_6_0: &shared.Empty{}}
	case engine.StreamExists:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &shared.Empty{}}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_StreamExists_20_6_0{StreamExists_20_6_0: &shared.Empty{}}
	case engine.NoStream: // which the old family cannot say
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &shared.Empty{}}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: math.MaxUint64}
	default:
		at := uint64(e.Expected)
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision{ExpectedRevision: at}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: at}
	}
	return &streams.AppendResp{Result: &streams.AppendResp_WrongExpectedVersion_{WrongExpectedVersion: w}}
}
