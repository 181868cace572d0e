package audit_test

import (
	"context"
	"fmt"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/commands"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/infra/memory"
)

// A replay adds up a log from its first event.
func Example() {
	ctx := context.Background()
	log := memory.New()
	local := commands.NewLocalSingleWriter(log, nil)
	defer local.Close()
	price := int64(450)
	for _, c := range []commands.Command{
		commands.ReceiveStock{Receipt: "r1", Units: []inventory.Units{{SKU: "TEA-1", Quantity: 100}}},
		commands.PlaceOrder{
			Customer: "ada", IdempotencyKey: "o1", PaymentToken: "tok_visa", History: &commands.History{Currency: "GBP"},
			Lines: []commands.OrderLine{{SKU: "TEA-1", Quantity: 2, PriceMinor: &price}},
		},
	} {
		if _, err := local.Send(ctx, c); err != nil {
			fmt.Println(err)
		}
	}
	sums, err := audit.Replay(ctx, log, func(eventlog.Position, int64) {})
	fmt.Println(sums.Events, "events,", sums.Orders[order.StatusPlaced], "order placed,", err)
	// Output: 2 events, 1 order placed, <nil>
}
