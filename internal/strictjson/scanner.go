package strictjson

import (
	"bytes"
	"encoding/json"
)

// scanner walks over JSON that is known to be well formed.
type scanner struct {
	data   []byte
	limits Limits
	member func(p Place, name []byte) error
	until  int // walk ends at the value that has this byte; 0 is to the end
	open   []object
	names  [][]byte // of all open objects, the innermost last
	values int      // members and elements so far, and empty objects and lists
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
			if len(s.open) == s.limits.Depth {
				return &Error{Fault: TooDeep}
			}
			if !s.count() {
				return &Error{Fault: TooMany}
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
			if !s.count() {
				return &Error{Fault: TooMany}
			}
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
				return &Error{Fault: HalfCharacter}
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

// count counts the first value of an object or list, or one behind a comma.
func (s *scanner) count() bool {
	s.values++
	return s.limits.Values == 0 || s.values <= s.limits.Values
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
			return &Error{Fault: NotJSON}
		}
		name = []byte(plain)
	}
	for _, before := range s.names[o.first:] {
		if bytes.Equal(before, name) || s.limits.Folded && bytes.EqualFold(before, name) {
			return &Error{Fault: Twice, Name: string(name)}
		}
	}
	if len(s.names)-o.first == s.limits.Members {
		return &Error{Fault: TooMany}
	}
	s.names = append(s.names, name)
	if s.member == nil {
		return nil
	}
	return s.member(Place{s}, name)
}
