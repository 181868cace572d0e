package fulfilling_test

import (
	"context"
	"fmt"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/infra/memory"
	"orderflow/sagas/fulfilling"
)

// The saga reserves the stock of a placed order and asks for the money; then it waits
// for the payment.
func Example() {
	ctx := context.Background()
	log := memory.New()
	local := commands.NewLocalSingleWriter(log, nil)
	defer local.Close()
	var id domain.OrderID
	for _, c := range []commands.Command{
		commands.ListProduct{SKU: "TEA-1", Name: "Tea", Price: domain.GBP(450)},
		commands.ReceiveStock{Receipt: "r1", Units: []inventory.Units{{SKU: "TEA-1", Quantity: 100}}},
		commands.PlaceOrder{Customer: "ada", IdempotencyKey: "o1", PaymentToken: "tok_visa", Lines: []commands.OrderLine{{SKU: "TEA-1", Quantity: 2}}},
	} {
		reply, err := local.Send(ctx, c)
		check(err)
		id = reply.Order
	}

	saga := fulfilling.New(fulfilling.Saga{
		Bus: local, Orders: local.Orders, Payments: local.Payments, Shipments: local.Shipments, Fulfilments: local.Fulfilments,
	})
	_, err := saga.React(ctx, id, false)
	check(err)
	for _, s := range []eventlog.Stream{inventory.Stream(domain.DefaultWarehouse), fulfilment.Stream(id)} {
		for recorded, err := range log.Read(ctx, s, 0) {
			fmt.Println(recorded.Type, err)
		}
	}
	// Output:
	// stock.received.v1 <nil>
	// stock.reserved.v1 <nil>
	// fulfilment.stock_reserved.v1 <nil>
	// fulfilment.payment_requested.v1 <nil>
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
