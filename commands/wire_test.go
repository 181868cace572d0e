package commands_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"orderflow/commands"
	"orderflow/commands/aggregate/aggregatetest"
	"orderflow/domain"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
)

func everyCommand() []commands.Command {
	price := int64(7)
	return []commands.Command{
		commands.PlaceOrder{Customer: "c", IdempotencyKey: "k", Warehouse: "w", Lines: []commands.OrderLine{{SKU: "s", Quantity: 1, Name: "n", PriceMinor: &price}}, PaymentToken: "t", PlacedAt: noon, History: &commands.History{Currency: "GBP"}},
		commands.ConfirmOrder{Order: "o", PaymentReference: "p", Tracking: "t", EstimatedDelivery: noon},
		commands.RejectOrder{Order: "o", Reason: domain.OutOfStock, Detail: "d"},
		commands.CancelOrder{Order: "o", Reason: domain.CustomerAsked, Detail: "d"},
		commands.FinishCancel{Order: "o"},
		commands.ReturnLines{Order: "o", Return: "r", Lines: []order.ReturnedLine{{Line: 1, Quantity: 2}}, ReturnedAt: noon},
		commands.ReceiveStock{Warehouse: "w", Receipt: "r", Units: []inventory.Units{{SKU: "s", Quantity: 1}}},
		commands.AdjustStock{Warehouse: "w", Adjustment: "a", SKU: "s", Delta: -1, Reason: "r"},
		commands.ReserveStock{Order: "o", Warehouse: "w", Units: []inventory.Units{{SKU: "s", Quantity: 1}}},
		commands.ReleaseStock{Order: "o", Warehouse: "w"},
		commands.CommitStock{Order: "o", Warehouse: "w"},
		commands.RestockReturn{Order: "o", Warehouse: "w", Return: "r", Units: []inventory.Units{{SKU: "s", Quantity: 1}}},
		commands.ListProduct{SKU: "s", Name: "n", Price: domain.GBP(1)},
		commands.RepriceProduct{SKU: "s", Price: domain.GBP(1)},
		commands.DelistProduct{SKU: "s"},
		commands.DispatchShipment{Order: "o"},
		commands.DeliverShipment{Order: "o"},
		commands.ResumeFulfilment{Order: "o", By: "b", Note: "n"},
	}
}

func TestEveryCommandTravels(t *testing.T) {
	names := map[string]bool{}
	for _, c := range everyCommand() {
		if v := reflect.ValueOf(c); v.NumField() > 0 {
			for i := range v.NumField() {
				if v.Field(i).IsZero() {
					t.Errorf("the sample of %s leaves %s out", c.CommandName(), v.Type().Field(i).Name)
				}
			}
		}
		sealed, err := commands.Seal(c, commands.Origin{Actor: "a"})
		aggregatetest.Must(t, err)
		data, err := json.Marshal(sealed)
		aggregatetest.Must(t, err)
		var arrived commands.Envelope
		aggregatetest.Must(t, json.Unmarshal(data, &arrived))
		got, err := arrived.Open()
		if err != nil || !reflect.DeepEqual(got, c) || arrived.Origin.Actor != "a" {
			t.Errorf("%s arrives as %+v, %v; it was %+v", c.CommandName(), got, err, c)
		}
		if names[c.CommandName()] {
			t.Errorf("two commands are called %s", c.CommandName())
		}
		if commands.StreamOf(c) == "" {
			t.Errorf("it is not known what %s is about", c.CommandName())
		}
		names[c.CommandName()] = true
	}
	if n := commands.Names(); len(n) != len(names) {
		t.Errorf("%d commands travel, %d have samples", len(n), len(names))
	}
}

func TestWhatIsNoCommandIsInvalid(t *testing.T) {
	for _, e := range []commands.Envelope{
		{},
		{Name: "destroy_everything", Data: []byte(`{}`)},
		{Name: "delist_product", Data: nil},
		{Name: "delist_product", Data: []byte(`{"sku":1}`)},
		{Name: "delist_product", Data: []byte(`{"sku":"a","force":true}`)},
		{Name: "delist_product", Data: []byte(`{"sku":"a"} {"sku":"b"}`)},
	} {
		c, err := e.Open()
		if err == nil {
			t.Errorf("%s %s opens as %+v", e.Name, e.Data, c)
			continue
		}
		aggregatetest.WantKind(t, err, domain.Invalid)
	}
}

// Whatever arrives is a command or refused; a command can be sent on as it is.
func FuzzOpen(f *testing.F) {
	for _, c := range everyCommand() {
		sealed, err := commands.Seal(c, commands.Origin{})
		aggregatetest.Must(f, err)
		f.Add(sealed.Name, []byte(sealed.Data))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		c, err := commands.Envelope{Name: name, Data: data}.Open()
		if err != nil {
			aggregatetest.WantKind(t, err, domain.Invalid)
			return
		}
		sealed, err := commands.Seal(c, commands.Origin{})
		aggregatetest.Must(t, err)
		again, err := sealed.Open()
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%+v becomes %+v, %v", c, again, err)
		}
	})
}
