package readmodels

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"orderflow/domain"
)

// Column is one column of a view: its name, its kind, and the field of the row that it
// holds.
type Column[V any] struct {
	layout  ColumnLayout
	key     bool
	encode  func(row *V, to Sink) error
	cell    func() (dest any, store func(*V) error)
	keyText func(row *V) string
	cut     func(row *V) // to what stores keep; nil if they keep all of it
}

// Key makes c a part of the view's key. Columns of the key come first.
func (c Column[V]) Key() Column[V] {
	c.key, c.layout.Fixed = true, true
	return c
}

// Fixed says that c does not change once the row is there.
func (c Column[V]) Fixed() Column[V] {
	c.layout.Fixed = true
	return c
}

// Then calls set after c was read, for fields that follow from it.
func (c Column[V]) Then(set func(row *V)) Column[V] {
	read := c.cell
	c.cell = func() (any, func(*V) error) {
		dest, store := read()
		return dest, func(row *V) error {
			err := store(row)
			set(row)
			return err
		}
	}
	return c
}

// Text is a column for a field that is a text.
func Text[V any, S ~string](name string, field func(row *V) *S) Column[V] {
	return Column[V]{
		layout:  ColumnLayout{Name: name, Kind: KindText},
		encode:  func(row *V, to Sink) error { to.Text(string(*field(row))); return nil },
		keyText: func(row *V) string { return string(*field(row)) },
		cell: func() (any, func(*V) error) {
			dest := new(string)
			return dest, func(row *V) error { *field(row) = S(*dest); return nil }
		},
	}
}

// Number is a column for a field that is a number.
func Number[V any, N ~int | ~int64](name string, field func(row *V) *N) Column[V] {
	return number(name,
		func(row *V) int64 { return int64(*field(row)) },
		func(row *V, n int64) { *field(row) = N(n) },
		func(n int64) string { return strconv.FormatInt(n, 10) })
}

// Bool is a column for a field that is true or false.
func Bool[V any](name string, field func(row *V) *bool) Column[V] {
	return Column[V]{
		layout:  ColumnLayout{Name: name, Kind: KindBool},
		encode:  func(row *V, to Sink) error { to.Bool(*field(row)); return nil },
		keyText: func(row *V) string { return strconv.FormatBool(*field(row)) },
		cell: func() (any, func(*V) error) {
			dest := new(bool)
			return dest, func(row *V) error { *field(row) = *dest; return nil }
		},
	}
}

// Time is a column for a field that is a time, as microseconds since 1970, UTC.
func Time[V any](name string, field func(row *V) *time.Time) Column[V] {
	return times(name, field, time.RFC3339Nano)
}

// Date is [Time] for a field that is midnight UTC. Keys have the date alone.
func Date[V any](name string, field func(row *V) *time.Time) Column[V] {
	return times(name, field, time.DateOnly)
}

func times[V any](name string, field func(row *V) *time.Time, form string) Column[V] {
	c := number(name,
		func(row *V) int64 { return field(row).UnixMicro() },
		func(row *V, us int64) { *field(row) = time.UnixMicro(us).UTC() },
		func(us int64) string { return time.UnixMicro(us).UTC().Format(form) })
	c.cut = func(row *V) { *field(row) = Instant(*field(row)) }
	return c
}

// Derived is a column that follows from the row. It is written, for sums, and not read.
func Derived[V any](name string, value func(row *V) int64) Column[V] {
	return number(name, value, func(*V, int64) {}, func(n int64) string { return strconv.FormatInt(n, 10) })
}

func number[V any](name string, get func(*V) int64, set func(*V, int64), text func(int64) string) Column[V] {
	return Column[V]{
		layout:  ColumnLayout{Name: name, Kind: KindNumber},
		encode:  func(row *V, to Sink) error { to.Number(get(row)); return nil },
		keyText: func(row *V) string { return text(get(row)) },
		cell: func() (any, func(*V) error) {
			dest := new(int64)
			return dest, func(row *V) error { set(row, *dest); return nil }
		},
	}
}

// JSON is a column for a field that is only read and written as a whole, as JSON.
func JSON[V, T any](name string, field func(row *V) *T) Column[V] {
	return Column[V]{
		layout: ColumnLayout{Name: name, Kind: KindText},
		encode: func(row *V, to Sink) error {
			text, err := json.Marshal(*field(row))
			to.Text(string(text))
			return err
		},
		cell: func() (any, func(*V) error) {
			dest := new(string)
			return dest, func(row *V) error { return json.Unmarshal([]byte(*dest), field(row)) }
		},
	}
}

// EncodeKey sends the columns of a key, as [Table] returns keys, to a sink.
func (l *Layout) EncodeKey(key string, to Sink) error {
	if l.Keys == 1 && l.Columns[0].Kind == KindText {
		to.Text(key)
		return nil
	}
	parts := strings.SplitN(key, keySeparator, l.Keys)
	if len(parts) != l.Keys {
		return domain.Errorf(domain.Internal, "%q is no key of the view %s.", key, l.Name)
	}
	for i, part := range parts {
		switch l.Columns[i].Kind {
		case KindText:
			to.Text(part)
		case KindBool:
			to.Bool(part == strconv.FormatBool(true))
		case KindNumber:
			n, err := keyNumber(part)
			if err != nil {
				return domain.Wrap(domain.Internal, err, "%q is no key of the view %s", key, l.Name)
			}
			to.Number(n)
		}
	}
	return nil
}

// keyNumber reads the text that a number, a date or a time has in a key.
func keyNumber(text string) (int64, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t, err = time.Parse(time.RFC3339Nano, text)
	}
	return t.UnixMicro(), err
}
