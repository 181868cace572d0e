package redis

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/projections"
	"orderflow/readmodels"
)

const (
	epochBytes    = 16
	positionBytes = 19 // digits of the greatest position
	// maxRowBytes bounds one row: a longer one is rare, is left to the views,
	// and would hold up everybody who shares Redis.
	maxRowBytes = 64 << 10
)

// newEpoch returns a name that no tag ever had.
// See docs/adr/009.
func newEpoch() string { return rand.Text()[:epochBytes] }

func digits(p eventlog.Position) string { return fmt.Sprintf("%0*d", positionBytes, max(0, int64(p))) }

// parseState reads where a tag stands.
func parseState(s string) (epoch string, at eventlog.Position, ok bool) {
	if len(s) != epochBytes+positionBytes {
		return "", 0, false
	}
	n, err := strconv.ParseInt(s[epochBytes:], 10, 64)
	return s[:epochBytes], eventlog.Position(n), err == nil
}

// mirrored is a view whose rows are copied.
type mirrored struct {
	group  string
	view   readmodels.Table
	encode func(row any) (string, error) // its stored form, empty if it is too long
	place  func(key string) (spread, name string)
}

// mirroredViews are the views whose rows are copied.
var mirroredViews = [groupCount]mirrored{
	orders: mirror(projections.Orders, readmodels.OrderView, func(id string) (spread, name string) { return id, id }),
	// Rows of an article lie together with its figures in all warehouses.
	stock: mirror(projections.Stock, readmodels.StockView, func(key string) (spread, name string) {
		w, sku, _ := strings.Cut(key, "\x00")
		return sku, "row:" + article(domain.Warehouse(w), domain.SKU(sku))
	}),
}

// mirror returns how the rows of a view are copied. place returns for the key of a row
// the text that chooses its tag, and its name below the tag.
func mirror[V any](group string, view *readmodels.View[V], place func(key string) (spread, name string)) mirrored {
	return mirrored{group: group, view: view, place: place, encode: func(row any) (string, error) {
		stored := *row.(*V)
		view.Cut(&stored)
		b, err := json.Marshal(stored)
		if err != nil || len(b) > maxRowBytes {
			return "", err
		}
		return string(b), nil
	}}
}
