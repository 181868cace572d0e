package redis

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"

	"orderflow/domain/eventlog"
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

// encodeOrder returns the stored form of an order, empty if it is too long. Times
// are cut as every view store cuts them, so that the answer is the same.
func encodeOrder(o readmodels.Order) (string, error) {
	o.EstimatedDelivery, o.PlacedAt, o.UpdatedAt = readmodels.Instant(o.EstimatedDelivery), readmodels.Instant(o.PlacedAt), readmodels.Instant(o.UpdatedAt)
	return encode(o)
}

func encodeStock(s readmodels.Stock) (string, error) { return encode(s) }

func encode(row any) (string, error) {
	b, err := json.Marshal(row)
	if err != nil || len(b) > maxRowBytes {
		return "", err
	}
	return string(b), nil
}
