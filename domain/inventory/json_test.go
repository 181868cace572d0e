package inventory_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/domain/inventory"
)

// Reservations write themselves, but not in a form of their own.
func TestReservationsAreWrittenAsJSON(t *testing.T) {
	text := rapid.OneOf(rapid.StringMatching(`[a-zA-Z0-9_ .-]{0,20}`), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		id := domain.OrderID(text.Draw(t, "order"))
		units := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) inventory.Units {
			return inventory.Units{SKU: domain.SKU(text.Draw(t, "sku")), Quantity: rapid.Int64().Draw(t, "qty")}
		}), 0, 3).Draw(t, "units")
		if rapid.Bool().Draw(t, "no units") {
			units = nil
		}
		eventlogtest.PlainWrite[inventory.Event](t, inventory.Codec, inventory.Reserved{Order: id, Units: units})
		eventlogtest.PlainWrite[inventory.Event](t, inventory.Codec, inventory.Committed{Order: id, Units: units})
	})
}

func FuzzReservationsAreReadAsJSON(f *testing.F) {
	for _, e := range []inventory.Reserved{{}, {Units: []inventory.Units{}}, {Order: "ord_1", Units: []inventory.Units{{SKU: "A", Quantity: 1}, {SKU: "\\"}}}} {
		data, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		eventlogtest.PlainRead[inventory.Event](t, inventory.Codec, inventory.Reserved{}, data)
		eventlogtest.PlainRead[inventory.Event](t, inventory.Codec, inventory.Committed{}, data)
	})
}
