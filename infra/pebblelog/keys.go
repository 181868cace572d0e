package pebblelog

import (
	"encoding/binary"

	"orderflow/domain/eventlog"
)

// The first byte of a key says what it is; see the drawing in doc.go.
const (
	kindEvent    = 'e'
	kindStream   = 's'
	kindCategory = 'c'
	kindSnapshot = 'n'
	kindLayout   = 'v'
	kindID       = 'i'
	kindIndexed  = 'x'
	kindGone     = 'g'
	kindOwed     = 'o'
)

// layout is the version of the drawing in doc.go.
const layout = 1

const (
	eventKeyBytes = 1 + 8
	positionBytes = 8
)

func appendEventKey(b []byte, p eventlog.Position) []byte {
	return binary.BigEndian.AppendUint64(append(b, kindEvent), uint64(p))
}

func eventKey(p eventlog.Position) []byte {
	return appendEventKey(make([]byte, 0, eventKeyBytes), p)
}

// appendNamed returns what the keys of one stream or category begin with.
func appendNamed(b []byte, kind byte, name string) []byte {
	b = binary.BigEndian.AppendUint16(append(b, kind), uint16(len(name)))
	return append(b, name...)
}

func streamKey(s eventlog.Stream, v eventlog.Version) []byte {
	b := make([]byte, 0, 3+len(s)+8)
	return binary.BigEndian.AppendUint64(appendNamed(b, kindStream, string(s)), uint64(v))
}

func categoryKey(category string, p eventlog.Position) []byte {
	b := make([]byte, 0, 3+len(category)+8)
	return binary.BigEndian.AppendUint64(appendNamed(b, kindCategory, category), uint64(p))
}

func snapshotKey(s eventlog.Stream) []byte {
	return appendNamed(make([]byte, 0, 3+len(s)), kindSnapshot, string(s))
}

// goneKey holds below which version the events of s were scavenged.
func goneKey(s eventlog.Stream) []byte {
	return appendNamed(make([]byte, 0, 3+len(s)), kindGone, string(s))
}

func idKey(id eventlog.EventID) []byte {
	return append(append(make([]byte, 0, 1+len(id)), kindID), id[:]...)
}

// lastNumber returns the number a key ends with: a position or a version.
func lastNumber(key []byte) (uint64, bool) {
	if len(key) < eventKeyBytes {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[len(key)-8:]), true
}
