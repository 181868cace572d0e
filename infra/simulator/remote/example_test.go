package remote_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"

	"orderflow/domain"
	"orderflow/infra/simulator"
	"orderflow/infra/simulator/remote"
	"orderflow/sagas/charging"
)

// A simulator is served on loopback. The reply to a charge is lost, and a lookup over
// HTTP finds that the money was taken.
func Example() {
	dir, err := os.MkdirTemp("", "simulator")
	check(err)
	defer func() { _ = os.RemoveAll(dir) }()
	sim, err := simulator.Open(dir, simulator.Options{})
	check(err)
	socket, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	check(err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- remote.Serve(ctx, socket, sim, secret, slog.New(slog.DiscardHandler)) }()

	client, err := remote.NewClient("http://"+socket.Addr().String(), secret)
	check(err)
	gateway := client.Gateway(simulator.Default)
	_, err = gateway.Capture(ctx, charging.Charge{Order: "ord_1", Key: "ord_1/1", Amount: domain.GBP(900), Token: "tok_lose_reply"})
	fmt.Println("capture:", domain.KindOf(err))
	receipt, err := gateway.Lookup(ctx, "ord_1/1")
	fmt.Println("lookup:", receipt.Amount, err)

	client.Close()
	stop()
	fmt.Println("served:", <-ended)
	// Output:
	// capture: unknown
	// lookup: 9.00 GBP <nil>
	// served: <nil>
}

// check ends the example if it could not be set up.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
