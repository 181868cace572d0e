package commands_test

import (
	"testing"
	"testing/synctest"
	"time"

	"orderflow/commands"
	"orderflow/commands/aggregate"
	"orderflow/commands/aggregate/aggregatetest"
	"orderflow/domain"
	"orderflow/domain/inventory"
	"orderflow/infra/memory"
)

// TestEveryCommandIsAnsweredInTime sends commands one after the other to a log
// that hangs, so that all but the first queue behind a round that comes to
// nothing. None takes longer than CommandTimeout, and each says what to do.
func TestEveryCommandIsAnsweredInTime(t *testing.T) {
	receive := func(receipt string) commands.Command {
		return commands.ReceiveStock{Receipt: receipt, Units: []inventory.Units{{SKU: "holder", Quantity: 1}}}
	}
	ordered := func(key string) commands.Command { return place(key, line("holder", 1), line("lantern", 1)) }
	const slow = 2 * aggregate.CommandTimeout / 3 // two of them are too long
	for name, c := range map[string]struct {
		log     aggregatetest.Hanging
		command func(string) commands.Command
	}{
		"appends hang":                       {aggregatetest.Hanging{AppendDelay: aggregatetest.Forever}, receive},
		"reads hang":                         {aggregatetest.Hanging{ReadDelay: aggregatetest.Forever}, receive},
		"appends hang and heed no context":   {aggregatetest.Hanging{AppendDelay: aggregatetest.Forever, IgnoresContext: true}, receive},
		"reads hang and heed no context":     {aggregatetest.Hanging{ReadDelay: aggregatetest.Forever, IgnoresContext: true}, receive},
		"the catalogue hangs":                {aggregatetest.Hanging{ReadDelay: aggregatetest.Forever}, ordered},
		"the catalogue is slow, and then so": {aggregatetest.Hanging{ReadDelay: slow, AppendDelay: slow}, ordered},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.log.Log = memory.New()
				furnished := commands.NewLocal(c.log.Log, nil)
				do(t, furnished, commands.ListProduct{SKU: "holder", Name: "Holder", Price: domain.GBP(255)})
				do(t, furnished, commands.ListProduct{SKU: "lantern", Name: "Lantern", Price: domain.GBP(339)})
				furnished.Close()
				l := commands.NewLocal(&c.log, nil)
				answers := make(chan error)
				for i := range 8 {
					go func() {
						begun := time.Now()
						_, err := l.Send(ctx(), c.command(string(rune('a'+i))))
						if took := time.Since(begun); took > aggregate.CommandTimeout {
							t.Errorf("command %d was answered after %s: %v", i, took, err)
						}
						answers <- err
					}()
					time.Sleep(3 * time.Second) // of the bubble's clock
				}
				for i := range 8 {
					err := <-answers
					if kind := domain.KindOf(err); err != nil && kind != domain.Unavailable && kind != domain.Unknown {
						t.Errorf("answer %d has kind %s: %v", i, kind, err)
					}
				}
				l.Close()
			})
		})
	}
}
