package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits on the shape of a body.
const (
	// maxDepth bounds nesting; the deepest request needs 3.
	maxDepth = 16
	// maxMembers bounds the members of one object; the largest request has 5.
	maxMembers = 32
)

// checkJSON refuses what encoding/json lets pass: members that come twice or
// differ from each other only in case, bad UTF-8, and deep nesting; and what is not JSON.
func checkJSON(data []byte) error {
	if !json.Valid(data) {
		var v any
		return notJSON(json.Unmarshal(data, &v))
	}
	return checkMembers(data, nil)
}

// checkMembers is checkJSON for what is known to be well formed. If member is
// given it is asked about each member's name and how deep its object is, from
// 1, lists included.
func checkMembers(data []byte, member func(depth int, name []byte) *Problem) error {
	if !utf8.Valid(data) {
		return problem("malformed-json", "The body is not valid UTF-8.")
	}
	s := scanner{data: data, member: member}
	return s.walk()
}

func notJSON(err error) error {
	if err == nil {
		return problem("malformed-json", "The body is not one JSON value.")
	}
	return problem("malformed-json", "The body is not one JSON value: "+err.Error()+".")
}

// scanner walks over JSON that is known to be well formed.
type scanner struct {
	data   []byte
	member func(depth int, name []byte) *Problem
	until  int // walk ends at the value that has this byte; 0 is to the end
	open   []object
	names  [][]byte // of all open objects, the innermost last
}

// object is an object or a list that has begun and not ended.
type object struct {
	list  bool
	first int  // index into names
	value bool // the next string is a value, not a name
	index int  // of a list's present element
}

func (s *scanner) walk() error {
	for i := 0; i < len(s.data); i++ {
		switch s.data[i] {
		case '{', '[':
			if s.until > 0 && i >= s.until {
				return nil
			}
			if len(s.open) == maxDepth {
				return problem("malformed-json", fmt.Sprintf("The body nests deeper than %d levels.", maxDepth))
			}
			s.open = append(s.open, object{list: s.data[i] == '[', first: len(s.names)})
		case '}', ']':
			s.names = s.names[:s.open[len(s.open)-1].first]
			s.open = s.open[:len(s.open)-1]
		case ':':
			s.open[len(s.open)-1].value = true
		case ',':
			o := &s.open[len(s.open)-1]
			o.value = false
			o.index++
		case '"':
			end, escaped := i+1, false
			for s.data[end] != '"' {
				if s.data[end] == '\\' {
					escaped = true
					end++
				}
				end++
			}
			if escaped && halfCharacter(s.data[i+1:end]) {
				return problem("malformed-json", "A string has half of a character: a \\u escape from D800 to DFFF without its other half.")
			}
			if err := s.text(s.data[i : end+1]); err != nil {
				return err
			}
			i = end
		}
		if s.until > 0 && i >= s.until {
			return nil
		}
	}
	return nil
}

// halfCharacter finds an escaped surrogate without its other half, which
// encoding/json replaces by U+FFFD: two different texts would become one.
func halfCharacter(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if i++; text[i] != 'u' {
			continue
		}
		r := escapedRune(text[i-1:])
		i += 4
		if !utf16.IsSurrogate(r) {
			continue
		}
		if utf16.DecodeRune(r, escapedRune(text[i+1:])) == utf8.RuneError {
			return true
		}
		i += len(`\u0000`)
	}
	return false
}

// escapedRune is what \uXXXX at the beginning of text stands for; 0 if there is none.
func escapedRune(text []byte) rune {
	if len(text) < len(`\u0000`) || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

// text looks at a string; in an object and before a colon it is a member's name.
func (s *scanner) text(quoted []byte) error {
	if len(s.open) == 0 {
		return nil
	}
	o := s.open[len(s.open)-1]
	if o.list || o.value {
		return nil
	}
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		var plain string
		if err := json.Unmarshal(quoted, &plain); err != nil {
			return problem("malformed-json", "The body is not one JSON value.")
		}
		name = []byte(plain)
	}
	for _, before := range s.names[o.first:] {
		if bytes.EqualFold(before, name) {
			return problem("malformed-json", fmt.Sprintf("The member %q comes twice in one object.", clip(name)))
		}
	}
	if len(s.names)-o.first == maxMembers {
		return problem("malformed-json", fmt.Sprintf("An object has more than %d members.", maxMembers))
	}
	s.names = append(s.names, name)
	if s.member == nil {
		return nil
	}
	if p := s.member(len(s.open), name); p != nil {
		p.Errors = []ProblemDetail{{Pointer: s.pointer(), Detail: p.Detail}}
		return p
	}
	return nil
}

// clip keeps what a client sent short enough to be shown.
func clip[T ~string | ~[]byte](s T) string {
	const shown = 64
	if len(s) > shown {
		return string(s[:shown]) + "…"
	}
	return string(s)
}
