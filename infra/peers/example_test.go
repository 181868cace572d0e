package peers_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/infra/memory"
	"orderflow/infra/peers"
)

// One process decides, another sends it commands.
func Example() {
	secret := strings.Repeat("s", peers.MinSecretBytes)
	decider := commands.NewLocalSingleWriter(memory.New(), nil)
	defer decider.Close()
	handler, err := peers.Handler(decider, secret, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		panic(err)
	}
	process := httptest.NewServer(handler)
	defer process.Close()

	command := commands.ListProduct{SKU: "TEA-1", Name: "Tea", Price: domain.GBP(450)}
	bus, err := peers.NewBus(peers.Options{Peers: map[string][]string{command.CommandName(): {process.URL}}, Secret: secret})
	if err != nil {
		panic(err)
	}
	defer bus.Close()
	for range 2 {
		reply, err := bus.Send(context.Background(), command)
		fmt.Println(reply.Stream, reply.Version, reply.Events, err)
	}
	// Output:
	// product-TEA-1 1 1 <nil>
	// product-TEA-1 1 0 <nil>
}
