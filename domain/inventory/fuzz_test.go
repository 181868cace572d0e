package inventory_test

import (
	"testing"

	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/domain/inventory"
)

func FuzzDecode(f *testing.F) {
	eventlogtest.FuzzDecode(f, inventory.Codec, func(e inventory.Event) {
		inventory.Decider.Fold(inventory.Decider.Initial, e)
		inventory.Decider.Fold(inventory.Decider.Initial, received, reserved, e)
	})
}

// What is read of a snapshot can be gone on with, and written and read again.
func FuzzDecodeSnapshot(f *testing.F) {
	for _, s := range []inventory.State{
		{}, inventory.Decider.Fold(inventory.State{}, received, reserved, refused), inventory.Decider.Fold(inventory.State{}, received, adjusted, reserved, committed, returned),
	} {
		data, err := inventory.EncodeSnapshot(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"levels":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := inventory.DecodeSnapshot(data)
		if err != nil {
			return
		}
		once, err := inventory.EncodeSnapshot(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := inventory.DecodeSnapshot(once)
		if err != nil {
			t.Fatalf("%s cannot be read again: %v", once, err)
		}
		if again, err := inventory.EncodeSnapshot(back); err != nil || string(again) != string(once) {
			t.Fatalf("%s became %s, %v", once, again, err)
		}
		inventory.Decider.Fold(s, received, reserved, refused, released, committed, returned, adjusted)
	})
}
