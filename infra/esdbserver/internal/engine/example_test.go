package engine_test

import (
	"context"
	"errors"
	"fmt"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
)

// The engine has EventStoreDB's rules of streams on any log, without its wire.
func Example() {
	ctx := context.Background()
	e := engine.New(memory.NewDense(), engine.Options{})
	defer e.Close()
	write := func(id byte, expected engine.Expected) {
		written, err := e.Append(ctx, engine.Write{Stream: "orders", Expected: expected, Events: []engine.Proposed{
			{ID: eventlog.EventID{id}, Type: "placed", Data: []byte("one order")},
		}})
		_, wrong := errors.AsType[*engine.WrongExpectedError](err)
		if wrong {
			fmt.Println("refused")
			return
		}
		fmt.Println("event number", written.Number)
	}
	write(1, engine.NoStream)
	write(1, engine.NoStream) // a repeat is recognised by its id
	write(2, engine.NoStream)
	write(3, engine.Any)
	// Output:
	// event number 0
	// event number 0
	// refused
	// event number 1
}
