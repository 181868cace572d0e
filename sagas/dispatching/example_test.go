package dispatching_test

import (
	"context"
	"fmt"
	"time"

	"orderflow/commands"
	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/infra/memory"
	"orderflow/sagas/dispatching"
)

// carrier fetches every parcel.
type carrier struct{}

func (carrier) Book(_ context.Context, b dispatching.Booking) (dispatching.Parcel, error) {
	fmt.Println("book", b.Units, "units from", b.Warehouse)
	return dispatching.Parcel{Tracking: "TRACK-1", EstimatedDelivery: time.Date(2026, time.May, 4, 0, 0, 0, 0, time.UTC)}, nil
}

func (carrier) Cancel(context.Context, string) error { return nil }

// When the fulfilment asks for a parcel, the saga books it and records the answer.
// Reacting again books nothing.
func Example() {
	ctx := context.Background()
	local := commands.NewLocalSingleWriter(memory.New(), nil)
	defer local.Close()

	const id domain.OrderID = "ord_1"
	_, _, err := local.Orders.Transact(ctx, order.Stream(id), aggregate.NewCause(id, "example"), order.Place(order.Placed{
		Order: id, Customer: "ada", Warehouse: domain.DefaultWarehouse, PaymentToken: "tok_visa", Total: domain.GBP(0),
		Lines: []order.Line{{SKU: "TEA-1", Quantity: 2, PriceMinor: 450}},
	}))
	check(err)
	for _, decide := range []fulfilment.Decision{
		fulfilment.HoldStock(id, domain.DefaultWarehouse, domain.GBP(900), "tok_visa"),
		fulfilment.SettlePayment(id, "ch_1"),
	} {
		_, _, err = local.Fulfilments.Transact(ctx, fulfilment.Stream(id), aggregate.NewCause(id, "example"), decide)
		check(err)
	}

	saga := dispatching.New(dispatching.Saga{
		Carriers: dispatching.OneCarrier("example", carrier{}),
		Orders:   local.Orders, Shipments: local.Shipments, Fulfilments: local.Fulfilments,
	})
	for range 2 {
		_, err = saga.React(ctx, id, false)
		check(err)
	}
	state, _, err := local.Shipments.Load(ctx, "shipment-ord_1")
	fmt.Println(state.Status, state.Tracking, err)
	// Output:
	// book 2 units from main
	// booked TRACK-1 <nil>
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
