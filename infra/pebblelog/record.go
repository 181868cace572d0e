package pebblelog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"orderflow/domain/eventlog"
)

// The forms of a record, see the drawing in doc.go.
const (
	recordForm = 1 // five texts of metadata
	copiedForm = 2 // a sixth one: when the log that the event was copied from took it
	// goneForm is what is left of an event that was scavenged: form, checksum and
	// time, so that positions stay without holes.
	goneForm = 3
)

// The texts of a record of each form: stream, type and metadata.
const (
	recordTexts = 7
	copiedTexts = 8
)

// formOf returns the form in which r is written: the older one wherever it can
// be, which versions of the program that know no other read too.
func formOf(r *eventlog.Recorded) byte {
	if r.Meta.Recorded != "" {
		return copiedForm
	}
	return recordForm
}

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
	form  byte
	bytes []byte
	sum   uint32
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// bodyBytes returns an upper bound of the size of r's body.
func bodyBytes(r *eventlog.Recorded) int {
	m := &r.Meta
	texts := len(r.Stream) + len(r.Type) + len(m.Command) + len(m.Correlation) + len(m.Causation) + len(m.Actor) + len(m.Trace) + len(m.Recorded)
	return len(r.ID) + (1+copiedTexts)*binary.MaxVarintLen64 + texts + len(r.Data)
}

// appendBody encodes r but for its position and time.
func appendBody(b []byte, r *eventlog.Recorded) []byte {
	b = append(b, r.ID[:]...)
	b = binary.AppendUvarint(b, uint64(r.Version))
	texts := [copiedTexts]string{
		string(r.Stream), r.Type, r.Meta.Command, r.Meta.Correlation, r.Meta.Causation, r.Meta.Actor, r.Meta.Trace, r.Meta.Recorded,
	}
	for _, text := range texts[:textsOf(formOf(r))] {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return append(b, r.Data...)
}

// textsOf returns how many texts a record of a form has.
func textsOf(form byte) int {
	if form == copiedForm {
		return copiedTexts
	}
	return recordTexts
}

// checksum completes the sum of a body with the time and position, and with
// the form unless it is the first one: one form must not be read as the other.
func checksum(form byte, bodySum uint32, p eventlog.Position, atNanos int64) uint32 {
	var rest [17]byte
	binary.BigEndian.PutUint64(rest[:8], uint64(atNanos))
	binary.BigEndian.PutUint64(rest[8:16], uint64(p))
	if rest[16] = form; form == recordForm {
		return crc32.Update(bodySum, castagnoli(), rest[:16])
	}
	return crc32.Update(bodySum, castagnoli(), rest[:])
}

// putRecord writes the record of a body at a position to b, which has exactly its size.
func putRecord(b []byte, body body, p eventlog.Position, atNanos int64) {
	b[0] = body.form
	binary.BigEndian.PutUint32(b[1:], checksum(body.form, body.sum, p, atNanos))
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
	case !knownForm(record[0]):
		return eventlog.Recorded{}, errRecordForm
	}
	atNanos, b := int64(binary.BigEndian.Uint64(record[5:])), record[headerBytes:]
	if checksum(record[0], crc32.Checksum(b, castagnoli()), p, atNanos) != binary.BigEndian.Uint32(record[1:]) {
		return eventlog.Recorded{}, errRecordSum
	}
	r.At = time.Unix(0, atNanos).UTC()
	b = b[copy(r.ID[:], b):]
	version, n := binary.Uvarint(b)
	if n <= 0 {
		return eventlog.Recorded{}, errRecordShort
	}
	r.Version, b = eventlog.Version(version), b[n:]
	if err := decodeTexts(&r, b, textsOf(record[0])); err != nil {
		return eventlog.Recorded{}, err
	}
	r.At = r.Meta.FirstRecorded(r.At)
	return r, nil
}

func knownForm(form byte) bool { return form == recordForm || form == copiedForm }

// decodeTexts fills in the texts and data. All texts share one string, which
// costs one allocation instead of one for each.
func decodeTexts(r *eventlog.Recorded, b []byte, n int) error {
	var ends [copiedTexts][2]int
	at := 0
	for i := range n {
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
	r.Meta = eventlog.Meta{Command: text(2), Correlation: text(3), Causation: text(4), Actor: text(5), Trace: text(6), Recorded: text(7)}
	r.Data = append(make([]byte, 0, len(b)-at), b[at:]...)
	return nil
}

// recordID returns the id of the event in an encoded record, without decoding the rest.
func recordID(record []byte) (id eventlog.EventID, ok bool) {
	if len(record) < headerBytes+len(id) || !knownForm(record[0]) {
		return id, false
	}
	copy(id[:], record[headerBytes:])
	return id, true
}

// putGone writes what is left of a record at position p to b, which has headerBytes.
func putGone(b []byte, p eventlog.Position, atNanos int64) {
	b[0] = goneForm
	binary.BigEndian.PutUint32(b[1:], checksum(goneForm, 0, p, atNanos))
	binary.BigEndian.PutUint64(b[5:], uint64(atNanos))
}

// decodeGone returns errGone for what putGone wrote at p.
func decodeGone(record []byte, p eventlog.Position) error {
	if checksum(goneForm, 0, p, int64(binary.BigEndian.Uint64(record[5:]))) != binary.BigEndian.Uint32(record[1:]) {
		return errRecordSum
	}
	return errGone
}
