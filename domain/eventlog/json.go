package eventlog

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// A few events are so frequent and so long that encoding them by reflection is a
// noticeable share of all work. They encode and decode themselves, in the same bytes
// as encoding/json. Values that need more, such as a text with escapes, fall back to
// encoding/json.

// JSONWriterTo is implemented by events that encode themselves.
type JSONWriterTo interface {
	Typed

	// WriteJSONTo writes the same bytes as json.Marshal, or calls [JSONWriter.Fallback].
	WriteJSONTo(w *JSONWriter)
}

// JSONWriter appends JSON to a buffer.
// See docs/adr/006.
type JSONWriter struct {
	data     []byte
	fallback bool // encoding/json has to encode the event
}

// Grow allocates the buffer, for about so many bytes.
func (p *JSONWriter) Grow(bytes int) { p.data = make([]byte, 0, bytes) }

// Raw writes JSON as it is.
func (p *JSONWriter) Raw(json string) { p.data = append(p.data, json...) }

// Fallback leaves the event to encoding/json.
func (p *JSONWriter) Fallback() { p.fallback = true }

// Text writes a string.
func (p *JSONWriter) Text(s string) {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c >= utf8.RuneSelf, c == '"', c == '\\', c == '<', c == '>', c == '&':
			p.fallback = true
			return
		}
	}
	p.data = append(append(append(p.data, '"'), s...), '"')
}

// Int writes a number.
func (p *JSONWriter) Int(n int64) { p.data = strconv.AppendInt(p.data, n, 10) }

// Time writes a moment.
func (p *JSONWriter) Time(t time.Time) {
	data, err := t.AppendText(append(p.data, '"'))
	if err != nil {
		p.fallback = true
		return
	}
	p.data = append(data, '"')
}

// JSONReader reads what [JSONWriter] writes: members in their order, without spaces.
// After anything else it reads no more, and Done returns false.
type JSONReader struct {
	rest     []byte
	fallback bool
}

// NewJSONReader returns a reader of data. It keeps nothing of data.
func NewJSONReader(data []byte) *JSONReader { return &JSONReader{rest: data} }

// Done reports whether everything was read and was as expected.
func (r *JSONReader) Done() bool { return !r.fallback && len(r.rest) == 0 }

// Raw reads exactly this.
func (r *JSONReader) Raw(json string) {
	if !r.Next(json) {
		r.fallback = true
	}
}

// Next reads this if it comes next.
func (r *JSONReader) Next(json string) bool {
	if r.fallback || len(r.rest) < len(json) || string(r.rest[:len(json)]) != json {
		return false
	}
	r.rest = r.rest[len(json):]
	return true
}

// Text reads a string.
func (r *JSONReader) Text() string { return string(r.quoted()) }

// quoted is what stands between the next two quotation marks.
func (r *JSONReader) quoted() []byte {
	r.Raw(`"`)
	ascii := true
	for i := 0; !r.fallback && i < len(r.rest); i++ {
		switch c := r.rest[i]; {
		case c == '"':
			text := r.rest[:i]
			r.rest, r.fallback = r.rest[i+1:], !ascii && !utf8.Valid(text)
			return text
		case c == '\\' || c < ' ':
			r.fallback = true
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	r.fallback = true
	return nil
}

// maxPlainDigits keeps numbers far from overflow.
const maxPlainDigits = 18

// Int reads a number.
func (r *JSONReader) Int() int64 {
	negative := r.Next("-")
	n, digits := int64(0), 0
	for digits < len(r.rest) && r.rest[digits] >= '0' && r.rest[digits] <= '9' && digits <= maxPlainDigits {
		n = n*10 + int64(r.rest[digits]-'0')
		digits++
	}
	if digits == 0 || digits > maxPlainDigits || r.rest[0] == '0' && (digits > 1 || negative) {
		r.fallback = true
		return 0
	}
	r.rest = r.rest[digits:]
	if negative {
		return -n
	}
	return n
}

// Time reads a moment.
func (r *JSONReader) Time() (t time.Time) {
	text := r.quoted()
	if r.fallback || t.UnmarshalText(text) != nil {
		r.fallback = true
	}
	return t
}

// ReadJSONList reads a list of what one reads; nil is not a list.
func ReadJSONList[T any](r *JSONReader, room int, one func(*JSONReader) T) []T {
	r.Raw("[")
	list := make([]T, 0, room)
	if r.Next("]") {
		return list
	}
	for !r.fallback {
		list = append(list, one(r))
		if r.Next("]") {
			break
		}
		r.Raw(",")
	}
	return list
}
