package simulator_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"orderflow/domain"
	"orderflow/infra/simulator"
	"orderflow/sagas/charging"
)

// The answer to a charge is lost; a lookup finds that the money was taken, once.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "simulator")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	sim, err := simulator.Open(dir, simulator.Options{})
	if err != nil {
		panic(err)
	}
	gateway := sim.Gateway(simulator.Default)
	sim.Next(simulator.Capture, simulator.Default, "ord_1/1", simulator.LoseReply)

	_, err = gateway.Capture(ctx, charging.Charge{Order: "ord_1", Key: "ord_1/1", Amount: domain.GBP(900), Token: "tok_visa"})
	fmt.Println(domain.KindOf(err) == domain.Unknown)
	receipt, err := gateway.Lookup(ctx, "ord_1/1")
	fmt.Println(receipt.Amount, err, sim.Close())

	ledger, err := simulator.ReadLedger(filepath.Join(dir, simulator.LedgerFile))
	fmt.Println(ledger.Orders["ord_1"].Captures, err)
	// Output:
	// true
	// 9.00 GBP <nil> <nil>
	// 1 <nil>
}
