package eventlog

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// A few events are so frequent, and so long, that writing and reading them by
// reflection is a noticeable share of all work. They write and read themselves
// in the very form of encoding/json; whatever is not plain about one of them,
// such as a text that needs escapes, is left to encoding/json.

// PlainWriter is implemented by events that write themselves.
type PlainWriter interface {
	Typed

	// WritePlain writes the bytes of json.Marshal.
	WritePlain(w *Plain)
}

// Plain is JSON on its way out.
type Plain struct {
	data []byte
	odd  bool // not plain: encoding/json has to write it
}

// Room says how many bytes will come, about.
func (p *Plain) Room(bytes int) { p.data = make([]byte, 0, bytes) }

// Raw writes JSON as it is.
func (p *Plain) Raw(json string) { p.data = append(p.data, json...) }

// Odd says that this is not plain.
func (p *Plain) Odd() { p.odd = true }

// Text writes a string.
func (p *Plain) Text(s string) {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c >= utf8.RuneSelf, c == '"', c == '\\', c == '<', c == '>', c == '&':
			p.odd = true
			return
		}
	}
	p.data = append(append(append(p.data, '"'), s...), '"')
}

// Int writes a number.
func (p *Plain) Int(n int64) { p.data = strconv.AppendInt(p.data, n, 10) }

// Time writes a moment.
func (p *Plain) Time(t time.Time) {
	data, err := t.AppendText(append(p.data, '"'))
	if err != nil {
		p.odd = true
		return
	}
	p.data = append(data, '"')
}

// PlainReader reads what [Plain] writes: members in their order, no spaces.
// After something else it reads nothing more; ask Done.
type PlainReader struct {
	rest []byte
	odd  bool
}

// NewPlainReader reads data, and keeps nothing of it.
func NewPlainReader(data []byte) *PlainReader { return &PlainReader{rest: data} }

// Done says that everything was read and was as expected.
func (r *PlainReader) Done() bool { return !r.odd && len(r.rest) == 0 }

// Raw reads exactly this.
func (r *PlainReader) Raw(json string) {
	if !r.Next(json) {
		r.odd = true
	}
}

// Next reads this if it comes next.
func (r *PlainReader) Next(json string) bool {
	if r.odd || len(r.rest) < len(json) || string(r.rest[:len(json)]) != json {
		return false
	}
	r.rest = r.rest[len(json):]
	return true
}

// Text reads a string.
func (r *PlainReader) Text() string { return string(r.quoted()) }

// quoted is what stands between the next two quotation marks.
func (r *PlainReader) quoted() []byte {
	r.Raw(`"`)
	ascii := true
	for i := 0; !r.odd && i < len(r.rest); i++ {
		switch c := r.rest[i]; {
		case c == '"':
			text := r.rest[:i]
			r.rest, r.odd = r.rest[i+1:], !ascii && !utf8.Valid(text)
			return text
		case c == '\\' || c < ' ':
			r.odd = true
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	r.odd = true
	return nil
}

// maxPlainDigits keeps numbers far from overflow.
const maxPlainDigits = 18

// Int reads a number.
func (r *PlainReader) Int() int64 {
	negative := r.Next("-")
	n, digits := int64(0), 0
	for digits < len(r.rest) && r.rest[digits] >= '0' && r.rest[digits] <= '9' && digits <= maxPlainDigits {
		n = n*10 + int64(r.rest[digits]-'0')
		digits++
	}
	if digits == 0 || digits > maxPlainDigits || r.rest[0] == '0' && (digits > 1 || negative) {
		r.odd = true
		return 0
	}
	r.rest = r.rest[digits:]
	if negative {
		return -n
	}
	return n
}

// Time reads a moment.
func (r *PlainReader) Time() (t time.Time) {
	text := r.quoted()
	if r.odd || t.UnmarshalText(text) != nil {
		r.odd = true
	}
	return t
}

// PlainList reads a list of what one reads; nil is not a list.
func PlainList[T any](r *PlainReader, room int, one func(*PlainReader) T) []T {
	r.Raw("[")
	list := make([]T, 0, room)
	if r.Next("]") {
		return list
	}
	for !r.odd {
		list = append(list, one(r))
		if r.Next("]") {
			break
		}
		r.Raw(",")
	}
	return list
}
