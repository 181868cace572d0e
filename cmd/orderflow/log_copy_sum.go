package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"orderflow/domain/eventlog"
)

// digest is the SHA-256 of one event.
type digest [sha256.Size]byte

// digester computes digests; it keeps its buffer.
type digester struct{ buffer []byte }

// of returns the SHA-256 over what a copy keeps of an event: stream, version,
// id, type, data, metadata, and the time at which it was recorded first. Texts
// and data are led by their length, numbers are big endian, each in eight bytes:
//
//	stream  version  id:16  type  data  command  correlation  causation  actor  trace  seconds  nanoseconds
//
// The position is the log's own, and so is the place in which the time is kept.
func (d *digester) of(r *eventlog.Recorded) digest {
	b := d.buffer[:0]
	number := func(n int64) { b = binary.BigEndian.AppendUint64(b, uint64(n)) } //nolint:gosec // its bits
	text := func(s string) { number(int64(len(s))); b = append(b, s...) }
	text(string(r.Stream))
	number(int64(r.Version))
	b = append(b, r.ID[:]...)
	text(r.Type)
	number(int64(len(r.Data)))
	b = append(b, r.Data...)
	for _, s := range [...]string{r.Meta.Command, r.Meta.Correlation, r.Meta.Causation, r.Meta.Actor, r.Meta.Trace} {
		text(s)
	}
	number(r.At.Unix())
	number(int64(r.At.Nanosecond()))
	d.buffer = b
	return sha256.Sum256(b)
}

// chain sums up events in their order: after each one the sum is the SHA-256 of
// the sum before, 32 zero bytes at first, and the event's digest.
type chain struct {
	events int64
	sum    digest
}

func (c *chain) add(d digest) {
	var both [2 * sha256.Size]byte
	copy(both[:], c.sum[:])
	copy(both[sha256.Size:], d[:])
	c.events++
	c.sum = sha256.Sum256(both[:])
}

// text is the sum in hexadecimal.
func (c *chain) text() string { return hex.EncodeToString(c.sum[:]) }
