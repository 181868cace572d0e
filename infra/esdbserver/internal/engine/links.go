package engine

import (
	"bytes"
	"context"
	"strconv"

	"orderflow/domain/eventlog"
)

// ParseLink reads the data of a link: number@stream. A number below 0 leads nowhere.
func ParseLink(data []byte) (stream string, number int64, ok bool) {
	before, after, found := bytes.Cut(data, []byte("@"))
	if !found || len(after) == 0 {
		return "", 0, false
	}
	number, err := strconv.ParseInt(string(before), 10, 64)
	if err != nil {
		return "", 0, false
	}
	return string(after), number, true
}

// Link returns the data of a link to an event.
func Link(e *Event) []byte {
	return append(strconv.AppendInt(nil, e.Number, 10), "@"+e.Stream...)
}

// resolved unpacks an event of the log and follows it if it is a link.
func (e *Engine) resolved(ctx context.Context, r *eventlog.Recorded, follow bool) (Resolved, error) {
	event, err := unpack(r)
	if err != nil {
		return Resolved{}, err
	}
	return e.resolve(ctx, event, follow)
}

// resolve follows an event if it is a link, one step.
func (e *Engine) resolve(ctx context.Context, event *Event, follow bool) (Resolved, error) {
	if !follow || event.Type != LinkType {
		return Resolved{Event: event}, nil
	}
	stream, number, ok := ParseLink(event.Data)
	if !ok {
		return Resolved{Event: event}, nil
	}
	target, err := e.readOne(ctx, stream, number)
	return Resolved{Event: target, Link: event}, err
}

// readOne returns one event of a stream; nil if it is not shown.
func (e *Engine) readOne(ctx context.Context, stream string, number int64) (*Event, error) {
	s, err := e.streamInfo(ctx, stream)
	if err != nil || s.deleted || s.gone || number < s.first() || number > s.last {
		return nil, err
	}
	for r, err := range e.readStored(ctx, stream, version(number)-1) {
		if err != nil || int64(r.Version)-1 != number || r.At.Before(e.oldest(s.metadata)) {
			return nil, err
		}
		return unpack(&r)
	}
	return nil, nil
}
