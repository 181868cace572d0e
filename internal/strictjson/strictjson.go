// Package strictjson refuses JSON that two readers may understand in two ways and that
// encoding/json lets pass, and bounds its shape.
package strictjson

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Fault is what is wrong with a text.
type Fault string

// The faults.
const (
	NotJSON       Fault = "it is not one JSON value"
	NotUTF8       Fault = "it is not valid UTF-8"
	TooDeep       Fault = "it nests too deep"
	TooMany       Fault = "it has too many members"
	Twice         Fault = "a member comes twice in one object"
	HalfCharacter Fault = "a string has one half of a surrogate pair" // which encoding/json replaces by U+FFFD
)

// Error is the first fault of a text.
type Error struct {
	Fault Fault
	Name  string // of the member that comes twice; as long as the text has it
	Cause error  // of NotJSON, from encoding/json
}

func (e *Error) Error() string { return "strict JSON: " + string(e.Fault) }

func (e *Error) Unwrap() error { return e.Cause }

// Limits bound the shape of a text.
type Limits struct {
	Depth   int  // of objects and lists in each other
	Members int  // of one object
	Values  int  // of the whole text: members and elements, an empty list or object counts as one; 0 is no limit
	Folded  bool // names that differ in case alone count as one, as encoding/json reads them
}

// Check returns nil or an [*Error].
func Check(data []byte, l Limits) error {
	if !json.Valid(data) {
		var v any
		return &Error{Fault: NotJSON, Cause: json.Unmarshal(data, &v)}
	}
	return CheckMembers(data, l, nil)
}

// CheckMembers is Check for a text that is known to be well formed. If member is not
// nil it is called with each member's name; its error ends the check and is returned.
func CheckMembers(data []byte, l Limits, member func(p Place, name []byte) error) error {
	if !utf8.Valid(data) {
		return &Error{Fault: NotUTF8}
	}
	s := scanner{data: data, limits: l, member: member}
	return s.walk()
}

// Place is where in a text a member is. It is valid until the function that it was
// passed to returns.
type Place struct{ s *scanner }

// Depth returns the number of objects and lists around it.
func (p Place) Depth() int { return len(p.s.open) }

// Pointer returns it as a JSON pointer (RFC 6901), each name shortened by shorten.
func (p Place) Pointer(shorten func(name []byte) string) string {
	var out strings.Builder
	for i, o := range p.s.open {
		if o.list {
			out.WriteString("/" + strconv.Itoa(o.index))
			continue
		}
		end := len(p.s.names)
		if i+1 < len(p.s.open) {
			end = p.s.open[i+1].first
		}
		if end > o.first {
			out.WriteString("/" + Escape(shorten(p.s.names[end-1])))
		}
	}
	return out.String()
}

// PointerAt returns the JSON pointer of the value that has the byte at offset, in a
// text that CheckMembers has passed; "" for the whole text.
func PointerAt(data []byte, l Limits, offset int, shorten func(name []byte) string) string {
	if offset <= 0 {
		return ""
	}
	s := scanner{data: data, limits: l, until: offset}
	if s.walk() != nil {
		return ""
	}
	return Place{&s}.Pointer(shorten)
}

// Escape writes a member's name as one part of a JSON pointer.
func Escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
