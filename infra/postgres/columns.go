package postgres

import (
	"encoding/binary"

	"github.com/jackc/pgx/v5"

	"orderflow/readmodels"
)

// arguments collects the columns of a key, as arguments of a statement.
type arguments struct{ list []any }

func (a *arguments) Text(s string)  { a.list = append(a.list, s) }
func (a *arguments) Number(n int64) { a.list = append(a.list, n) }
func (a *arguments) Bool(b bool)    { a.list = append(a.list, b) }

// columns collects rows column by column, as arrays for unnest.
type columns struct {
	all  []any // of []string, []int64 or []bool
	next int
}

func (c *columns) Text(s string)  { extend(c, s) }
func (c *columns) Number(n int64) { extend(c, n) }
func (c *columns) Bool(b bool)    { extend(c, b) }

func extend[T any](c *columns, v T) {
	if c.next == len(c.all) {
		c.all = append(c.all, []T(nil))
	}
	c.all[c.next] = append(c.all[c.next].([]T), v)
	c.next++
}

// end says that the row is whole.
func (c *columns) end() { c.next = 0 }

// keyArrays returns the key columns of keys.
func keyArrays(l *readmodels.Layout, keys []string) ([]any, error) {
	var c columns
	for _, k := range keys {
		if err := l.EncodeKey(k, &c); err != nil {
			return nil, err
		}
		c.end()
	}
	return c.all, nil
}

// rowArrays returns all columns of rows.
func rowArrays(t readmodels.Table, rows readmodels.Set) ([]any, error) {
	var c columns
	for i := range rows.Len() {
		if err := t.Encode(rows.At(i), &c); err != nil {
			return nil, err
		}
		c.end()
	}
	return c.all, nil
}

// copied collects rows in the binary form of COPY: a header; for each row the
// count of its fields and each field's length and bytes; a trailer.
type copied struct {
	bytes  []byte
	row    int // where the count of the row's fields stands
	fields uint16
}

const copyHeader = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" // signature, flags, extension

func (c *copied) Text(s string) {
	c.fields++
	c.bytes = binary.BigEndian.AppendUint32(c.bytes, uint32(len(s)))
	c.bytes = append(c.bytes, s...)
}

func (c *copied) Number(n int64) {
	c.fields++
	c.bytes = binary.BigEndian.AppendUint32(c.bytes, 8)
	c.bytes = binary.BigEndian.AppendUint64(c.bytes, uint64(n))
}

func (c *copied) Bool(b bool) {
	c.fields++
	one := byte(0)
	if b {
		one = 1
	}
	c.bytes = append(c.bytes, 0, 0, 0, 1, one)
}

func (c *copied) begin() {
	if len(c.bytes) == 0 {
		c.bytes = append(c.bytes, copyHeader...)
	}
	c.row, c.fields = len(c.bytes), 0
	c.bytes = append(c.bytes, 0, 0)
}

func (c *copied) end() { binary.BigEndian.PutUint16(c.bytes[c.row:], c.fields) }

// copyRows returns all rows as COPY reads them, in a buffer that is used again.
func copyRows(buffer []byte, t readmodels.Table, rows readmodels.Set) ([]byte, error) {
	c := copied{bytes: buffer[:0]}
	for i := range rows.Len() {
		c.begin()
		if err := t.Encode(rows.At(i), &c); err != nil {
			return nil, err
		}
		c.end()
	}
	return append(c.bytes, 0xff, 0xff), nil
}

// read reads all rows into a set and closes them.
func read(rows pgx.Rows, to readmodels.Set) error {
	defer rows.Close()
	for rows.Next() {
		if err := to.Read(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
