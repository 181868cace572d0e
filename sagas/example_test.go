package sagas_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/order"
	"orderflow/infra/memory"
	"orderflow/sagas"
)

// A driver wakes a saga for each order that has an event for it.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	log := memory.New()
	local := commands.NewLocalSingleWriter(log, nil)
	defer local.Close()

	welcome := sagas.Saga{
		Name: "welcome", Categories: []string{order.Category},
		Wakes: func(eventType string) bool { return eventType == order.Placed{}.EventType() },
		React: func(ctx context.Context, id domain.OrderID, _ bool) (again time.Time, err error) {
			o, _, err := local.Orders.Load(ctx, order.Stream(id))
			fmt.Println("thank you,", o.Customer)
			stop()
			return time.Time{}, err
		},
	}
	price := int64(450)
	_, err := local.Send(ctx, commands.PlaceOrder{
		Customer: "ada", IdempotencyKey: "o1", PaymentToken: "tok_visa", History: &commands.History{Currency: "GBP"},
		Lines: []commands.OrderLine{{SKU: "TEA-1", Quantity: 2, PriceMinor: &price}},
	})
	fmt.Println(err)
	err = sagas.NewDriver(sagas.Driver{Saga: welcome, Feed: log}).Run(ctx)
	fmt.Println(errors.Is(err, context.Canceled))
	// Output:
	// <nil>
	// thank you, ada
	// true
}
