// Package readmodels is the views that queries read, one file each: the row, how it is
// stored, and the questions about it. Views follow the log; a row's Position is that of
// the last event in it, and all rows can be computed again.
//
//	          columns, key, indexes, sums
//	View ──────────────────────────────────▶ stores, projections, verify, mirrors
//	Reader ──find, select, count──▶ Source (a store)
//
// Stores and projections know a view as a [Table], without the type of its rows, so that
// a further view changes none of them.
//
// Questions about one thing answer NotFound when there is none. Lists come in
// pages: an empty Next says that it was the last one. Any question may fail
// with Unavailable.
package readmodels

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"orderflow/domain"
)

// Limits of one page.
const (
	// MaxPageRows bounds the rows of one page.
	MaxPageRows = 100
	// DefaultPageRows is the size of a page when a question names none.
	DefaultPageRows = 20
)

// PageRows turns the limit of a question into rows: 0 is the default, and
// whatever is above [MaxPageRows] is cut down to it. Negative is the default too.
func PageRows(limit int) int {
	if limit <= 0 {
		return DefaultPageRows
	}
	return min(limit, MaxPageRows)
}

// Instant is a time as views keep it: UTC, in whole microseconds, which is
// what every view store can hold.
func Instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// orderCursor names the last row of a page of orders. The id breaks ties
// between orders of the same microsecond, so that no row is lost or repeated.
func orderCursor(o Order) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(o.PlacedAt.UnixMicro(), 10) + " " + string(o.ID)))
}

// ParseOrderCursor reads the Next of an [OrderPage]; anything else is Invalid.
func ParseOrderCursor(s string) (placedAt time.Time, id domain.OrderID, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		micros, name, ok := strings.Cut(string(raw), " ")
		n, bad := strconv.ParseInt(micros, 10, 64)
		if ok && bad == nil && name != "" && len(name) <= domain.MaxNameBytes {
			return time.UnixMicro(n).UTC(), domain.OrderID(name), nil
		}
	}
	return time.Time{}, "", domain.Errorf(domain.Invalid, "The cursor is not one this list gave out.")
}
