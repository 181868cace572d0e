package userclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"

	"orderflow/domain"
)

// Who may read $all stands in the metadata of $all, which is a stream too.
const (
	metadataOfAll = "$$$all"
	admins        = "$admins" // who may read it if nothing is said, and always
	everyone      = "$all"
)

// Grant lets a user, or a group, read $all besides those that may already.
// changed is false if it could.
func (c *Client) Grant(ctx context.Context, login string) (changed bool, err error) {
	return c.edit(ctx, func(readers []string, said bool) []string {
		if !said {
			readers = []string{admins}
		}
		if slices.Contains(readers, login) || slices.Contains(readers, everyone) {
			return readers
		}
		return append(readers, login)
	})
}

// Revoke takes that right away again. changed is false if there was none.
func (c *Client) Revoke(ctx context.Context, login string) (changed bool, err error) {
	return c.edit(ctx, func(readers []string, _ bool) []string {
		return slices.DeleteFunc(readers, func(name string) bool { return name == login })
	})
}

// edit replaces the list of readers of $all and leaves all other metadata
// as it is. Who changes it at the same time is not overwritten: that is Conflict.
func (c *Client) edit(ctx context.Context, change func(readers []string, said bool) []string) (changed bool, err error) {
	err = c.ask(ctx, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		data, revision, err := newest(ctx, streams.NewStreamsClient(conn), metadataOfAll)
		if err != nil {
			return err
		}
		edited, err := withReaders(data, change)
		if err != nil || edited == nil {
			return err
		}
		changed = true
		return write(ctx, streams.NewStreamsClient(conn), edited, revision)
	})
	return changed, err
}

// withReaders changes the readers in metadata; nil if they stay the same.
func withReaders(data []byte, change func(readers []string, said bool) []string) ([]byte, error) {
	fields, acl := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	broken := func(err error) error {
		return domain.Wrap(domain.Conflict, err, "The metadata of $all cannot be understood; look at the newest event of %s and mend it first", metadataOfAll)
	}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &fields); err != nil || fields == nil {
			return nil, broken(err)
		}
	}
	if raw := fields["$acl"]; set(raw) {
		if err := json.Unmarshal(raw, &acl); err != nil {
			return nil, broken(err)
		}
	}
	before, said := []string{}, set(acl["$r"])
	if raw := acl["$r"]; said {
		var one string
		if json.Unmarshal(raw, &one) == nil {
			before = []string{one}
		} else if err := json.Unmarshal(raw, &before); err != nil {
			return nil, broken(err)
		}
	}
	after := change(slices.Clone(before), said)
	if slices.Equal(before, after) {
		return nil, nil
	}
	var err error
	if acl["$r"], err = json.Marshal(after); err == nil {
		if fields["$acl"], err = json.Marshal(acl); err == nil {
			return json.Marshal(fields)
		}
	}
	return nil, err
}

func set(raw json.RawMessage) bool { return len(raw) > 0 && !bytes.Equal(raw, []byte("null")) }

// newest reads the newest event of a stream, or what it links to; of a stream
// without events data and revision are nil.
func newest(ctx context.Context, c streams.StreamsClient, stream string) (data []byte, revision *uint64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // it ends the reading
	reading, err := c.Read(ctx, &streams.ReadReq{Options: &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)},
			RevisionOption:   &streams.ReadReq_Options_StreamOptions_End{End: &shared.Empty{}},
		}},
		ReadDirection: streams.ReadReq_Options_Backwards,
		ResolveLinks:  true,
		CountOption:   &streams.ReadReq_Options_Count{Count: 1},
		FilterOption:  &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption:    &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}},
	}})
	if err != nil {
		return nil, nil, err
	}
	for {
		answer, err := reading.Recv()
		if errors.Is(err, io.EOF) {
			return nil, nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if event := answer.GetEvent().GetEvent(); event != nil {
			number := event.GetStreamRevision()
			return event.GetData(), &number, nil
		}
	}
}

// write appends metadata of $all if its revision is the expected one.
func write(ctx context.Context, c streams.StreamsClient, data []byte, after *uint64) error {
	o := &streams.AppendReq_Options{
		StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte(metadataOfAll)},
		ExpectedStreamRevision: &streams.AppendReq_Options_NoStream{NoStream: &shared.Empty{}},
	}
	if after != nil {
		o.ExpectedStreamRevision = &streams.AppendReq_Options_Revision{Revision: *after}
	}
	appending, err := c.Append(ctx)
	if err != nil {
		return err
	}
	_ = appending.Send(&streams.AppendReq{Content: &streams.AppendReq_Options_{Options: o}}) // what went wrong is the answer
	_ = appending.Send(&streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: &streams.AppendReq_ProposedMessage{
		Id:       &shared.UUID{Value: &shared.UUID_String_{String_: uuid.NewString()}},
		Metadata: map[string]string{"type": "$metadata", "content-type": "application/json"},
		Data:     data,
	}}})
	answer, err := appending.CloseAndRecv()
	if err != nil {
		return err
	}
	if answer.GetWrongExpectedVersion() != nil {
		return domain.Errorf(domain.Conflict, "The rights to $all were changed at the same time; repeat the command.")
	}
	return nil
}
