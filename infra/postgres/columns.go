package postgres

import "encoding/binary"

// columns collects rows column by column, as arrays for unnest.
type columns struct {
	all  []any // of []string, []int64 or []bool
	next int
}

func (c *columns) text(s string)  { extend(c, s) }
func (c *columns) number(n int64) { extend(c, n) }
func (c *columns) truth(b bool)   { extend(c, b) }

func extend[T any](c *columns, v T) {
	if c.next == len(c.all) {
		c.all = append(c.all, []T(nil))
	}
	c.all[c.next] = append(c.all[c.next].([]T), v)
	c.next++
}

// end says that the row is whole.
func (c *columns) end() { c.next = 0 }

// keys returns the key columns of rows or of keys.
func (v view[K, V]) keys(keys []K) []any {
	var c columns
	for _, k := range keys {
		v.bindKey(&c, k)
		c.end()
	}
	return c.all
}

// arrays returns all columns of rows.
func (v view[K, V]) arrays(rows []V) ([]any, error) {
	var c columns
	for i := range rows {
		if err := v.bind(&c, &rows[i]); err != nil {
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

func (c *copied) text(s string) {
	c.fields++
	c.bytes = binary.BigEndian.AppendUint32(c.bytes, uint32(len(s)))
	c.bytes = append(c.bytes, s...)
}

func (c *copied) number(n int64) {
	c.fields++
	c.bytes = binary.BigEndian.AppendUint32(c.bytes, 8)
	c.bytes = binary.BigEndian.AppendUint64(c.bytes, uint64(n))
}

func (c *copied) truth(b bool) {
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

// copied returns all rows as COPY reads them.
func (v view[K, V]) copied(buffer []byte, rows []V) ([]byte, error) {
	c := copied{bytes: buffer[:0]}
	for i := range rows {
		c.begin()
		if err := v.bind(&c, &rows[i]); err != nil {
			return nil, err
		}
		c.end()
	}
	return append(c.bytes, 0xff, 0xff), nil
}
