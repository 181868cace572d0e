package simulator

import (
	"bytes"
	"strconv"
	"time"

	"orderflow/domain"
)

// readOwn reads a line exactly as encodeRow writes it, several times as fast
// as encoding/json: the ledger of a year is read at every start. It gives up
// on anything else (escaped signs, other orders, unknown fields), and then the
// library decides; it never reads a line otherwise than the library would.
func readOwn(line []byte) (r Row, ok bool) {
	c := cursor{rest: line, fine: true}
	c.expect(`{"seq":`)
	r.Seq = c.number()
	c.expect(`,"time":"`)
	c.moment(&r.Time)
	c.expect(`,"provider":"`)
	r.Provider = Provider(c.text())
	if c.next(`,"name":"`) {
		r.Name = c.text()
	}
	c.expect(`,"op":"`)
	r.Op = Op(c.text())
	c.expect(`,"key":"`)
	r.Key = c.text()
	if c.next(`,"order":"`) {
		r.Order = domain.OrderID(c.text())
	}
	if c.next(`,"of":"`) {
		r.Of = c.text()
	}
	if c.next(`,"amount":{"minor":`) {
		r.Amount.Minor = c.number()
		c.expect(`,"currency":"`)
		r.Amount.Currency = c.text()
		c.expect(`}`)
	}
	if c.next(`,"token":"`) {
		r.Token = c.text()
	}
	if c.next(`,"warehouse":"`) {
		r.Warehouse = domain.Warehouse(c.text())
	}
	if c.next(`,"units":`) {
		r.Units = c.number()
	}
	if r.Effective = c.next(`,"effective":true`); !r.Effective {
		c.expect(`,"effective":false`)
	}
	c.expect(`,"result":"`)
	r.Result = c.text()
	c.expect(`,"reply":"`)
	r.Reply = Reply(c.text())
	c.expect(`}`)
	return r, c.fine && len(c.rest) == 0
}

// cursor goes through a line; once it is not fine it stays so.
type cursor struct {
	rest []byte
	fine bool
}

func (c *cursor) next(prefix string) bool {
	rest, ok := bytes.CutPrefix(c.rest, []byte(prefix))
	c.rest = rest
	return ok
}

func (c *cursor) expect(prefix string) { c.fine = c.next(prefix) && c.fine }

// number reads at most 18 digits without a leading zero: what surely fits.
func (c *cursor) number() int64 {
	n := 0
	for n < len(c.rest) && '0' <= c.rest[n] && c.rest[n] <= '9' {
		n++
	}
	v, err := strconv.ParseInt(string(c.rest[:n]), 10, 64)
	c.fine = c.fine && err == nil && n <= 18 && (n == 1 || c.rest[0] != '0')
	c.rest = c.rest[n:]
	return v
}

// text reads up to the closing quote, plain signs only.
func (c *cursor) text() string {
	for i, b := range c.rest {
		if b == '"' {
			s := string(c.rest[:i])
			c.rest = c.rest[i+1:]
			return s
		}
		if b < ' ' || b > '~' || b == '\\' {
			break
		}
	}
	c.fine = false
	return ""
}

func (c *cursor) moment(at *time.Time) {
	c.fine = at.UnmarshalText([]byte(c.text())) == nil && c.fine
}
