package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// The form of an envelope, see the package comment.
const (
	envelopeMark  = 0x00 // no JSON begins with it
	envelopeForm  = 1
	envelopeBytes = 3 // in front of the metadata's length

	flagJSON      = 1
	flagTombstone = 2
)

var errEnvelope = errors.New("an envelope that is cut short or of a form that is not known")

// tombstoneType is the type of the event that ends a stream.
const tombstoneType = "$streamDeleted"

// pack returns how an event is kept in the log.
func pack(p *Proposed) eventlog.Pending {
	if p.JSON && len(p.Data) > 0 && likeMeta(p.Metadata) {
		if meta, exact := eventlog.DecodeMeta(p.Metadata); exact && shortMeta(meta) && json.Valid(p.Data) {
			return eventlog.Pending{ID: p.ID, Type: p.Type, Data: p.Data, Meta: meta}
		}
	}
	var flags byte
	if p.JSON {
		flags = flagJSON
	}
	return eventlog.Pending{ID: p.ID, Type: p.Type, Data: envelope(flags, p.Metadata, p.Data)}
}

// likeMeta rules out at a glance what is not the form of [eventlog.Meta].
func likeMeta(metadata []byte) bool {
	if len(metadata) == 2 {
		return string(metadata) == "{}"
	}
	for _, first := range [...]string{`{"command":`, `{"$correlationId":`, `{"$causationId":`, `{"actor":`, `{"trace":`, `{"recorded":`} {
		if bytes.HasPrefix(metadata, []byte(first)) {
			return true
		}
	}
	return false
}

// shortMeta reports whether every field is within the limit that [eventlog.Meta] has.
func shortMeta(m eventlog.Meta) bool {
	return max(len(m.Command), len(m.Correlation), len(m.Causation), len(m.Actor), len(m.Trace), len(m.Recorded)) <= domain.MaxNameBytes
}

func envelope(flags byte, metadata, data []byte) []byte {
	b := make([]byte, 0, envelopeBytes+binary.MaxVarintLen32+len(metadata)+len(data))
	b = append(b, envelopeMark, envelopeForm, flags)
	b = binary.AppendUvarint(b, uint64(len(metadata)))
	b = append(b, metadata...)
	return append(b, data...)
}

// openEnvelope takes an envelope apart.
func openEnvelope(b []byte) (flags byte, metadata, data []byte, err error) {
	if len(b) < envelopeBytes || b[0] != envelopeMark || b[1] != envelopeForm {
		return 0, nil, nil, errEnvelope
	}
	n, size := binary.Uvarint(b[envelopeBytes:])
	if size <= 0 || n > uint64(len(b)-envelopeBytes-size) {
		return 0, nil, nil, errEnvelope
	}
	rest := b[envelopeBytes+size:]
	return b[2], rest[:n:n], rest[n:], nil
}

// unpack is the reverse of pack.
func unpack(r *eventlog.Recorded) (*Event, error) {
	e := &Event{
		ID: r.ID, Stream: string(r.Stream), Number: int64(r.Version) - 1, Position: uint64(r.Position),
		Type: r.Type, Created: r.At,
	}
	if len(r.Data) == 0 || r.Data[0] != envelopeMark {
		e.JSON, e.Data, e.Metadata = true, r.Data, r.Meta.Encode()
		return e, nil
	}
	flags, metadata, data, err := openEnvelope(r.Data)
	if err != nil {
		return nil, domain.Wrap(domain.Internal, err, "The event at position %d cannot be read", r.Position)
	}
	e.JSON, e.Data, e.Metadata = flags&flagJSON != 0, data, metadata
	if flags&flagTombstone != 0 {
		e.Number = DeletedNumber
	}
	return e, nil
}

// isTombstone reports whether r ends its stream.
func isTombstone(r *eventlog.Recorded) bool {
	return r.Type == tombstoneType && len(r.Data) >= envelopeBytes && r.Data[0] == envelopeMark && r.Data[2]&flagTombstone != 0
}
