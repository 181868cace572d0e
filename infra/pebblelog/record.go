package pebblelog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"orderflow/domain/eventlog"
)

// The forms of a record, as doc.go draws them.
const (
	recordForm = 1
	// goneForm is what is left of an event that was scavenged: form, checksum and
	// time, so that positions stay without holes.
	goneForm = 2
)

// headerBytes is the record before its body: form, checksum and time.
const headerBytes = 1 + 4 + 8

var (
	errRecordForm  = errors.New("a record of an unknown form")
	errRecordShort = errors.New("a record that is cut off")
	errRecordSum   = errors.New("a record whose checksum is wrong")
	errGone        = errors.New("an event that was scavenged")
)

// body is the part of a record that is known before its position: what the
// caller of Append encodes, so that the one writer has less to do.
type body struct {
	bytes []byte
	sum   uint32
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// bodyBytes is an upper bound of the size of r's body.
func bodyBytes(r *eventlog.Recorded) int {
	m := &r.Meta
	texts := len(r.Stream) + len(r.Type) + len(m.Command) + len(m.Correlation) + len(m.Causation) + len(m.Actor) + len(m.Trace)
	return len(r.ID) + 8*binary.MaxVarintLen64 + texts + len(r.Data)
}

// appendBody encodes r but for its position and time.
func appendBody(b []byte, r *eventlog.Recorded) []byte {
	b = append(b, r.ID[:]...)
	b = binary.AppendUvarint(b, uint64(r.Version))
	for _, text := range [...]string{
		string(r.Stream), r.Type, r.Meta.Command, r.Meta.Correlation, r.Meta.Causation, r.Meta.Actor, r.Meta.Trace,
	} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return append(b, r.Data...)
}

// checksum completes the sum of a body with the time and position.
func checksum(bodySum uint32, p eventlog.Position, atNanos int64) uint32 {
	var rest [16]byte
	binary.BigEndian.PutUint64(rest[:8], uint64(atNanos))
	binary.BigEndian.PutUint64(rest[8:], uint64(p))
	return crc32.Update(bodySum, castagnoli(), rest[:])
}

// putRecord writes the record of a body at a position to b, which has exactly its size.
func putRecord(b []byte, body body, p eventlog.Position, atNanos int64) {
	b[0] = recordForm
	binary.BigEndian.PutUint32(b[1:], checksum(body.sum, p, atNanos))
	binary.BigEndian.PutUint64(b[5:], uint64(atNanos))
	copy(b[headerBytes:], body.bytes)
}

// decodeRecord returns the event that record holds at position p. The result
// shares nothing with record.
func decodeRecord(record []byte, p eventlog.Position) (eventlog.Recorded, error) {
	r := eventlog.Recorded{Position: p}
	if len(record) == headerBytes && record[0] == goneForm {
		return eventlog.Recorded{}, decodeGone(record, p)
	}
	switch {
	case len(record) < headerBytes+len(r.ID):
		return eventlog.Recorded{}, errRecordShort
	case record[0] != recordForm:
		return eventlog.Recorded{}, errRecordForm
	}
	atNanos, b := int64(binary.BigEndian.Uint64(record[5:])), record[headerBytes:]
	if checksum(crc32.Checksum(b, castagnoli()), p, atNanos) != binary.BigEndian.Uint32(record[1:]) {
		return eventlog.Recorded{}, errRecordSum
	}
	r.At = time.Unix(0, atNanos).UTC()
	b = b[copy(r.ID[:], b):]
	version, n := binary.Uvarint(b)
	if n <= 0 {
		return eventlog.Recorded{}, errRecordShort
	}
	r.Version, b = eventlog.Version(version), b[n:]
	return r, decodeTexts(&r, b)
}

// decodeTexts fills in the texts and data. All texts share one string, which
// costs one allocation instead of seven.
func decodeTexts(r *eventlog.Recorded, b []byte) error {
	var ends [7][2]int
	at := 0
	for i := range ends {
		size, n := binary.Uvarint(b[at:])
		if n <= 0 || size > uint64(len(b)-at-n) {
			return errRecordShort
		}
		at += n
		ends[i] = [2]int{at, at + int(size)}
		at += int(size)
	}
	texts := string(b[:at])
	text := func(i int) string { return texts[ends[i][0]:ends[i][1]] }
	r.Stream, r.Type = eventlog.Stream(text(0)), text(1)
	r.Meta = eventlog.Meta{Command: text(2), Correlation: text(3), Causation: text(4), Actor: text(5), Trace: text(6)}
	r.Data = append(make([]byte, 0, len(b)-at), b[at:]...)
	return nil
}

// recordID is the id of the event in an encoded record, without decoding the rest.
func recordID(record []byte) (id eventlog.EventID, ok bool) {
	if len(record) < headerBytes+len(id) || record[0] != recordForm {
		return id, false
	}
	copy(id[:], record[headerBytes:])
	return id, true
}

// putGone writes what is left of a record at position p to b, which has headerBytes.
func putGone(b []byte, p eventlog.Position, atNanos int64) {
	b[0] = goneForm
	binary.BigEndian.PutUint32(b[1:], checksum(goneForm, p, atNanos))
	binary.BigEndian.PutUint64(b[5:], uint64(atNanos))
}

// decodeGone returns errGone for what putGone wrote at p.
func decodeGone(record []byte, p eventlog.Position) error {
	if checksum(goneForm, p, int64(binary.BigEndian.Uint64(record[5:]))) != binary.BigEndian.Uint32(record[1:]) {
		return errRecordSum
	}
	return errGone
}
