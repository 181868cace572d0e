package projections

import (
	"context"
	"log/slog"

	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/readmodels"
)

// An EventStoreDB can lose the beginning of a stream: it was truncated or deleted
// and scavenged. Later events of it cannot be folded, and must not stop the view
// for all other streams. Such events are set aside: they change only the row of the
// hole, which counts them and is kept with the other rows.
//
//	order-X     its first event is missing: all events about the order
//	payment-X   its first event is missing: the events of the payment
//	product-X   its first event is missing: the events of the product

const (
	// maxHolesLogged bounds the holes that a group logs each with a line of its
	// own, from one start or rebuild to the next; a further line says that there are more.
	maxHolesLogged = 100
	// MaxHoles bounds the holes that a [Report] names; all are counted.
	MaxHoles = 20
)

// begins reports whether an event is the first of a stream of a category.
func begins(e event, category string) bool {
	return e.Version == 1 && e.Stream.Category() == category
}

// setAside counts an event in the row of the stream whose beginning is missing.
// Such streams are few, so their rows are loaded one by one.
func (u *unit) setAside(ctx context.Context, e event, s eventlog.Stream) error {
	key := string(s)
	h := u.holes.get(key)
	if h == nil {
		if err := u.load(ctx, readmodels.Keys{readmodels.HoleView: {key}}); err != nil {
			return err
		}
		h = u.holes.get(key)
	}
	if h == nil {
		hole := readmodels.Hole{Stream: key, Since: readmodels.Instant(e.At)}
		if s.Category() != catalog.Category {
			hole.Order = domain.OrderID(s.ID())
		}
		h = u.holes.put(key, hole)
		u.found = append(u.found, hole)
	}
	u.holes.markDirty(key)
	h.Events++
	h.UpdatedAt, h.Position = readmodels.Instant(e.At), int64(e.Position)
	return nil
}

// holesLogged logs each hole that a group finds, once, and says when it stops.
type holesLogged struct {
	logger *slog.Logger
	n      int
}

func (l *holesLogged) log(h readmodels.Hole) {
	switch l.n++; {
	case l.n <= maxHolesLogged:
		l.logger.Error("events are set aside: the log lacks those before them; all others are projected. Restore them from a backup and rebuild the view",
			"stream", h.Stream, "order", string(h.Order), "kind", domain.Incomplete.String(), "position", h.Position)
	case l.n == maxHolesLogged+1:
		l.logger.Error("events of more streams are set aside; `orderflow projections list` counts them", "kind", domain.Incomplete.String())
	}
}
