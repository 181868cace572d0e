package order_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
)

// A form that is no longer written stays readable: it is taught to the codec
// as today's event. Here, orders once had a price in pence per line and no
// currency; folded, they are in pounds.
func Example_upcast() {
	codec := maps.Clone(order.Codec).Upcast("order.placed.v0", placedV0)

	e, ok, err := codec.Decode(eventlog.Recorded{
		Type: "order.placed.v0",
		Data: []byte(`{"id":"ord_1","buyer":"17850","items":[{"code":"85123A","n":6,"pence":255}]}`),
	})
	s := order.Decider.Fold(order.State{}, e)
	fmt.Println(ok, err, s.Status, s.Customer, s.Total, s.Lines)
	// Output: true <nil> placed 17850 15.30 GBP [{85123A  6 255}]
}

func placedV0(data []byte) (order.Event, error) {
	var old struct {
		ID, Buyer string
		Items     []struct {
			Code     string
			N, Pence int64
		}
	}
	if err := json.Unmarshal(data, &old); err != nil {
		return nil, err
	}
	p := order.Placed{Order: domain.OrderID(old.ID), Customer: domain.CustomerID(old.Buyer), Warehouse: domain.DefaultWarehouse}
	for _, i := range old.Items {
		p.Lines = append(p.Lines, order.Line{SKU: domain.SKU(i.Code), Quantity: i.N, PriceMinor: i.Pence})
	}
	var err error
	p.Total, err = order.Total(p.Lines, "GBP")
	return p, err
}

// An upcaster only reads: the old form is never written again, and what it
// cannot read is an error and not an empty event.
func TestUpcastOnlyReads(t *testing.T) {
	codec := maps.Clone(order.Codec).Upcast("order.placed.v0", placedV0)
	if p, err := codec.Encode(placed); err != nil || p.Type != "order.placed.v1" {
		t.Errorf("written as %s, %v", p.Type, err)
	}
	for _, data := range []string{"", "{", `{"items":[{"n":0}]}`} {
		if _, ok, err := codec.Decode(eventlog.Recorded{Type: "order.placed.v0", Data: []byte(data)}); ok || err == nil {
			t.Errorf("%q was read", data)
		}
	}
}

// Events that know more than this build does are read for what it knows.
func TestUnknownFieldsAreSkipped(t *testing.T) {
	e, ok, err := order.Codec.Decode(eventlog.Recorded{Type: "order.rejected.v1", Data: []byte(`{"reason":"out_of_stock","mood":"sad"}`)})
	if err != nil || !ok || e != (order.Rejected{Reason: domain.OutOfStock}) {
		t.Errorf("%+v, %v, %v", e, ok, err)
	}
	if _, ok, err := order.Codec.Decode(eventlog.Recorded{Type: "stock.received.v1"}); ok || err != nil {
		t.Errorf("an event of another aggregate: %v, %v", ok, err)
	}
}
