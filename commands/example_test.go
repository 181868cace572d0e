package commands_test

import (
	"context"
	"fmt"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/inventory"
	"orderflow/infra/memory"
)

// A bus takes commands. The same command again finds what it did the first time.
func Example() {
	ctx := context.Background()
	local := commands.NewLocalSingleWriter(memory.New(), nil)
	defer local.Close()
	var bus commands.Bus = local

	place := commands.PlaceOrder{
		Customer: "ada", IdempotencyKey: "o1", PaymentToken: "tok_visa",
		Lines: []commands.OrderLine{{SKU: "TEA-1", Quantity: 2}},
	}
	for _, c := range []commands.Command{
		commands.ListProduct{SKU: "TEA-1", Name: "Tea", Price: domain.GBP(450)},
		commands.ReceiveStock{Receipt: "r1", Units: []inventory.Units{{SKU: "TEA-1", Quantity: 100}}},
		place,
		place,
		commands.CancelOrder{Order: "ord_unknown"},
	} {
		reply, err := bus.Send(ctx, c)
		fmt.Println(c.CommandName(), reply.Version, reply.Events, err)
	}
	// Output:
	// list_product 1 1 <nil>
	// receive_stock 1 1 <nil>
	// place_order 1 1 <nil>
	// place_order 1 0 <nil>
	// cancel_order 0 0 There is no such order.
}
