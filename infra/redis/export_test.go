package redis

import (
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// SetTagLife shortens how long a tag is believed, and how often the mirror
// says that it is there. Call it before [Redis.Mirror].
func (r *Redis) SetTagLife(life, wait time.Duration) { r.tagLife, r.heartbeatInterval = life, wait }

// SetNow sets the clock of counters.
func (r *Redis) SetNow(now func() time.Time) { r.now = now }

// OrderKeys returns the keys of an order's tag and row.
func (r *Redis) OrderKeys(id domain.OrderID) (state, row string) {
	t, row := r.keys.order(id)
	return r.keys.state(t), row
}

// StockKeys returns the keys of an article's tag, row and figure.
func (r *Redis) StockKeys(w domain.Warehouse, sku domain.SKU) (state, row, figure string) {
	t, row := r.keys.stock(w, sku)
	_, figure = r.keys.available(w, sku)
	return r.keys.state(t), row, figure
}

// ResultKeys returns the keys of a result's copies.
func (r *Redis) ResultKeys(id domain.OrderID) []string {
	keys := r.Results().copies(id)
	return keys[:]
}

// StateAt returns a state as the mirror writes it.
func StateAt(epoch string, at eventlog.Position) string { return epoch + digits(at) }

const (
	TagCount         = tagCount
	MaxFailures      = maxFailures
	LeaveAlone       = openFor
	MaxQueuedBatches = maxQueuedBatches
	MirrorTimeout    = mirrorTimeout
)
