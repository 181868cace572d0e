package charging_test

import (
	"context"
	"fmt"

	"orderflow/commands"
	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/infra/memory"
	"orderflow/sagas/charging"
)

// gateway is a provider that takes every charge.
type gateway struct{}

func (gateway) Capture(_ context.Context, c charging.Charge) (charging.Receipt, error) {
	fmt.Println("capture", c.Amount, "with", c.Token)
	return charging.Receipt{Reference: "ch_1", Amount: c.Amount}, nil
}

func (gateway) Lookup(context.Context, string) (charging.Receipt, error) {
	return charging.Receipt{}, domain.Errorf(domain.NotFound, "There is no such charge.")
}

func (gateway) Void(context.Context, string) error { return nil }

func (gateway) Refund(_ context.Context, r charging.RefundRequest) (charging.Receipt, error) {
	return charging.Receipt{Reference: "re_1", Amount: r.Amount}, nil
}

// When the fulfilment asks for the money, the saga records the attempt, calls the
// gateway and records the answer. Reacting again calls nothing.
func Example() {
	ctx := context.Background()
	log := memory.New()
	local := commands.NewLocalSingleWriter(log, nil)
	defer local.Close()

	const id domain.OrderID = "ord_1"
	_, _, err := local.Orders.Transact(ctx, order.Stream(id), aggregate.NewCause(id, "example"), order.Place(order.Placed{
		Order: id, Customer: "ada", Warehouse: domain.DefaultWarehouse, PaymentToken: "tok_visa", Total: domain.GBP(0),
		Lines: []order.Line{{SKU: "TEA-1", Quantity: 2, PriceMinor: 450}},
	}))
	check(err)
	_, _, err = local.Fulfilments.Transact(ctx, fulfilment.Stream(id), aggregate.NewCause(id, "example"),
		fulfilment.HoldStock(id, domain.DefaultWarehouse, domain.GBP(900), "tok_visa"))
	check(err)

	saga := charging.New(charging.Saga{
		Gateways: charging.OneGateway("example", gateway{}),
		Orders:   local.Orders, Payments: local.Payments, Fulfilments: local.Fulfilments,
	})
	for range 2 {
		_, err = saga.React(ctx, id, false)
		check(err)
	}
	for recorded, err := range log.Read(ctx, payment.Stream(id), 0) {
		fmt.Println(recorded.Type, err)
	}
	// Output:
	// capture 9.00 GBP with tok_visa
	// payment.attempt_started.v1 <nil>
	// payment.captured.v1 <nil>
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
