package commands_test

import (
	"strings"
	"testing"

	"orderflow/commands"
	"orderflow/commands/aggregate/aggregatetest"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/shipment"
)

// Every command about a stream without its beginning is Incomplete and appends nothing.
func TestCommandsOnTruncatedStreams(t *testing.T) {
	all := map[string]struct {
		cut  func(id domain.OrderID) eventlog.Stream
		send func(id domain.OrderID) []commands.Command
	}{
		"order": {order.Stream, func(id domain.OrderID) []commands.Command {
			return []commands.Command{
				place("k1", line("holder", 1)), // another order under the same key; the very same one is recognised by the log
				commands.CancelOrder{Order: id},
				commands.FinishCancel{Order: id},
				commands.RejectOrder{Order: id, Reason: domain.OutOfStock},
				commands.ConfirmOrder{Order: id},
				commands.ReturnLines{Order: id, Return: "r", Lines: []order.ReturnedLine{{Line: 0, Quantity: 1}}},
			}
		}},
		"shipment": {shipment.Stream, func(id domain.OrderID) []commands.Command {
			return []commands.Command{commands.CancelOrder{Order: id}, commands.DispatchShipment{Order: id}, commands.DeliverShipment{Order: id}}
		}},
		"stock": {func(domain.OrderID) eventlog.Stream { return inventory.Stream("main") }, func(id domain.OrderID) []commands.Command {
			units := []inventory.Units{{SKU: "holder", Quantity: 1}}
			return []commands.Command{
				commands.ReserveStock{Order: "o2", Warehouse: "main", Units: units},
				commands.ReleaseStock{Order: id, Warehouse: "main"},
				commands.CommitStock{Order: id, Warehouse: "main"},
				commands.RestockReturn{Order: id, Warehouse: "main", Return: "r", Units: units},
				commands.ReceiveStock{Receipt: "r9", Units: units},
				commands.AdjustStock{Adjustment: "a9", SKU: "holder", Delta: 1},
			}
		}},
		"product": {func(domain.OrderID) eventlog.Stream { return "product-holder" }, func(domain.OrderID) []commands.Command {
			return []commands.Command{
				commands.RepriceProduct{SKU: "holder", Price: domain.GBP(7)},
				commands.DelistProduct{SKU: "holder"},
				commands.ListProduct{SKU: "holder", Name: "x", Price: domain.GBP(7)},
				place("k9", line("holder", 1)),
			}
		}},
	}
	for name, tc := range all {
		t.Run(name, func(t *testing.T) {
			l, log := shop(t)
			id := confirm(t, l, place("k1", line("holder", 2)))
			log.Scavenge(tc.cut(id), 2)
			before := aggregatetest.End(t, log)
			fresh := commands.NewLocal(log, nil)
			defer fresh.Close()
			for _, c := range tc.send(id) {
				_, err := fresh.Send(ctx(), c)
				aggregatetest.WantIncomplete(t, c.CommandName(), err)
				if err != nil && !strings.Contains(err.Error(), string(tc.cut(id))) {
					t.Errorf("%s does not name the stream: %v", c.CommandName(), err)
				}
			}
			if aggregatetest.End(t, log) != before {
				t.Error("something was appended")
			}
		})
	}
}

// A confirmed order of whose parcel nothing is there is neither cancelled nor is
// its parcel said to be unbooked.
func TestDeletedShipmentOfConfirmedOrder(t *testing.T) {
	log := aggregatetest.NewHiding()
	l := commands.NewLocal(log, nil)
	do(t, l, commands.ListProduct{SKU: "holder", Name: "Holder", Price: domain.GBP(295)})
	do(t, l, commands.ReceiveStock{Receipt: "r1", Units: []inventory.Units{{SKU: "holder", Quantity: 10}}})
	id := confirm(t, l, place("k1", line("holder", 2)))
	l.Close()
	log.Delete(t, shipment.Stream(id))
	l = commands.NewLocal(log, nil)
	defer l.Close()
	for _, c := range []commands.Command{commands.CancelOrder{Order: id}, commands.DispatchShipment{Order: id}, commands.DeliverShipment{Order: id}} {
		_, err := l.Send(ctx(), c)
		aggregatetest.WantIncomplete(t, c.CommandName(), err)
	}
}
