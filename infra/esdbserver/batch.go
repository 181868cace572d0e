package esdbserver

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
)

// Limits of appends in batches.
const (
	// batchTimeout bounds one batch, whatever its client allows.
	batchTimeout = 2 * time.Second
	// maxOpenBatches and maxOpenBytes bound what one client has begun and not
	// finished.
	maxOpenBatches = 256
	maxOpenBytes   = 32 << 20
	// maxBatchesAtOnce bounds the batches of one client that are being written.
	maxBatchesAtOnce = 64
)

// batch is one append that comes in parts.
type batch struct {
	correlation *shared.UUID
	options     *streams.BatchAppendReq_Options
	write       engine.Write
	bytes       int
	deadline    time.Time
	err         error // why it is refused, once all of it has come
}

// BatchAppend implements the service: the parts of many batches come mixed, and
// each batch is answered when it is written.
func (s *streamsService) BatchAppend(stream streams.Streams_BatchAppendServer) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	var sending sync.Mutex
	slots := make(chan struct{}, maxBatchesAtOnce)
	open := map[eventlog.EventID]*batch{}
	openBytes := 0
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		id, err := parseID(request.GetCorrelationId())
		if err != nil {
			return err
		}
		b := open[id]
		if b == nil {
			if len(open) >= maxOpenBatches {
				return invalid("At most " + strconv.Itoa(maxOpenBatches) + " batches may be open in one call.")
			}
			b = s.openBatch(stream.Context(), request)
			open[id] = b
		}
		openBytes += b.take(request)
		if openBytes > maxOpenBytes {
			return invalid("At most " + strconv.Itoa(maxOpenBytes) + " bytes may be in open batches of one call.")
		}
		if !request.GetIsFinal() {
			continue
		}
		delete(open, id)
		openBytes -= b.bytes
		slots <- struct{}{}
		await := s.submit(b) // here, so that those to one stream keep their order
		wg.Go(func() {
			defer func() { <-slots }()
			var panicked error // the batch stays without an answer
			defer s.survive(streams.Streams_BatchAppend_FullMethodName, &panicked)
			answer := s.appendBatch(stream.Context(), b, await)
			sending.Lock()
			defer sending.Unlock()
			_ = stream.Send(answer) // a client that is gone is noticed by Recv
		})
	}
}

// openBatch reads what the first part says of all.
func (s *streamsService) openBatch(ctx context.Context, request *streams.BatchAppendReq) *batch {
	b := &batch{correlation: request.GetCorrelationId(), options: request.GetOptions()}
	now := s.options.Clock()
	b.deadline = now.Add(batchTimeout)
	if b.options == nil {
		b.err = invalid("The first part of a batch has its options.")
		return b
	}
	switch d := b.options.GetDeadlineOption().(type) {
	case *streams.BatchAppendReq_Options_Deadline:
		if of := now.Add(d.Deadline.AsDuration()); of.Before(b.deadline) {
			b.deadline = of
		}
	case *streams.BatchAppendReq_Options_Deadline_21_10_0:
		if of := d.Deadline_21_10_0.AsTime(); of.Before(b.deadline) {
			b.deadline = of
		}
	}
	if b.write, b.err = writeOf(b.options.GetStreamIdentifier(), b.options.GetExpectedStreamPosition()); b.err == nil {
		b.err = s.may(ctx, write, b.write.Stream)
	}
	return b
}

// take adds a part and returns its size in bytes.
func (b *batch) take(request *streams.BatchAppendReq) (bytes int) {
	for _, m := range request.GetProposedMessages() {
		if b.err != nil {
			break
		}
		var event engine.Proposed
		event, b.err = proposed(m)
		if m.GetMetadata()["type"] == "" && b.err != nil && grpcstatus.Code(b.err) == codes.Unknown {
			b.err = invalid("An event has a type.")
		}
		bytes += len(event.Data) + len(event.Metadata) + len(event.Type)
		b.write.Events = append(b.write.Events, event)
	}
	b.bytes += bytes
	return bytes
}

// submit queues a batch up; the result is nil if it is refused.
func (s *streamsService) submit(b *batch) (await func(context.Context) (engine.Written, error)) {
	if b.err == nil && !b.deadline.After(s.options.Clock()) {
		b.err = context.DeadlineExceeded
	}
	if b.err == nil {
		await, b.err = s.engine.Submit(b.write)
	}
	return await
}

// appendBatch waits until a batch is written and makes the answer.
func (s *streamsService) appendBatch(ctx context.Context, b *batch, await func(context.Context) (engine.Written, error)) *streams.BatchAppendResp {
	ctx, cancel := context.WithTimeout(ctx, b.deadline.Sub(s.options.Clock()))
	defer cancel()
	var written engine.Written
	if b.err == nil {
		written, b.err = await(ctx)
	}
	answer := &streams.BatchAppendResp{CorrelationId: b.correlation, StreamIdentifier: b.options.GetStreamIdentifier()}
	switch e := b.options.GetExpectedStreamPosition().(type) {
	case *streams.BatchAppendReq_Options_StreamPosition:
		answer.ExpectedStreamPosition = &streams.BatchAppendResp_StreamPosition{StreamPosition: e.StreamPosition}
	case *streams.BatchAppendReq_Options_NoStream:
		answer.ExpectedStreamPosition = &streams.BatchAppendResp_NoStream{NoStream: e.NoStream}
	case *streams.BatchAppendReq_Options_Any:
		answer.ExpectedStreamPosition = &streams.BatchAppendResp_Any{Any: e.Any}
	case *streams.BatchAppendReq_Options_StreamExists:
		answer.ExpectedStreamPosition = &streams.BatchAppendResp_StreamExists{StreamExists: e.StreamExists}
	}
	if b.err != nil {
		answer.Result = &streams.BatchAppendResp_Error{Error: s.batchError(b)}
		return answer
	}
	s.options.Hooks.appended(len(b.write.Events), b.bytes)
	answer.Result = &streams.BatchAppendResp_Success_{Success: batchSuccess(s.told(written))}
	return answer
}

func batchSuccess(w engine.Written) *streams.BatchAppendResp_Success {
	success := &streams.BatchAppendResp_Success{
		CurrentRevisionOption: &streams.BatchAppendResp_Success_CurrentRevision{CurrentRevision: uint64(w.Number)},
		PositionOption:        &streams.BatchAppendResp_Success_NoPosition{NoPosition: &emptypb.Empty{}},
	}
	if w.Number < 0 {
		success.CurrentRevisionOption = &streams.BatchAppendResp_Success_NoStream{NoStream: &emptypb.Empty{}}
	}
	if w.HasPosition {
		success.PositionOption = &streams.BatchAppendResp_Success_Position{
			Position: &shared.AllStreamPosition{CommitPosition: w.Position, PreparePosition: w.Position},
		}
	}
	return success
}

// batchError says in the protocol's own messages why a batch was not written.
func (s *streamsService) batchError(b *batch) *status.Status {
	if wrong, ok := errors.AsType[*engine.WrongExpectedError](b.err); ok {
		return described(codes.AlreadyExists, wrongText("Append", wrong), wrongDetail(wrong))
	}
	if deleted, ok := errors.AsType[*engine.DeletedError](b.err); ok {
		return described(codes.NotFound, deleted.Error(), &shared.StreamDeleted{StreamIdentifier: identifier(deleted.Stream)})
	}
	if large, ok := errors.AsType[*engine.TooLargeError](b.err); ok {
		return described(codes.InvalidArgument, large.Error(), &shared.MaximumAppendSizeExceeded{MaxAppendSize: uint32(large.MaxBytes)})
	}
	if required, ok := errors.AsType[*requiredError](b.err); ok {
		return described(codes.InvalidArgument, required.Error(), &shared.BadRequest{Message: required.Error()})
	}
	if errors.Is(b.err, context.DeadlineExceeded) {
		return described(codes.DeadlineExceeded, "The batch was not written in time.", &shared.Timeout{})
	}
	err := b.err
	if _, ok := grpcstatus.FromError(err); !ok {
		err = s.failedBelow(err)
	}
	of := grpcstatus.Convert(err)
	switch of.Code() {
	case codes.PermissionDenied:
		return described(codes.PermissionDenied, of.Message(), &shared.AccessDenied{})
	case codes.InvalidArgument:
		return described(codes.InvalidArgument, of.Message(), &shared.BadRequest{Message: of.Message()})
	case codes.Aborted:
		return described(codes.DeadlineExceeded, of.Message(), &shared.Timeout{})
	default:
		return described(codes.Unknown, of.Message(), &shared.Unknown{})
	}
}

func described(code codes.Code, text string, detail proto.Message) *status.Status {
	of := &status.Status{Code: int32(code), Message: text}
	if detail, err := anypb.New(detail); err == nil { // which is always so: these are complete
		of.Details = []*anypb.Any{detail}
	}
	return of
}

func wrongDetail(e *engine.WrongExpectedError) *shared.WrongExpectedVersion {
	w := &shared.WrongExpectedVersion{
		CurrentStreamRevisionOption: &shared.WrongExpectedVersion_CurrentStreamRevision{CurrentStreamRevision: uint64(e.Actual)},
	}
	if e.Actual < 0 {
		w.CurrentStreamRevisionOption = &shared.WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &emptypb.Empty{}}
	}
	switch e.Expected {
	case engine.Any:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedAny{ExpectedAny: &emptypb.Empty{}}
	case engine.StreamExists:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &emptypb.Empty{}}
	case engine.NoStream:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &emptypb.Empty{}}
	default:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamPosition{ExpectedStreamPosition: uint64(e.Expected)}
	}
	return w
}
