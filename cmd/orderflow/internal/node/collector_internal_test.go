package node

import "testing"

// A small heap may grow to roomBytes, a large one to twice what lives.
func TestRoomForGarbage(t *testing.T) {
	for _, live := range []uint64{0, 1, 4 << 20, 50 << 20, roomBytes / 2, roomBytes, 1 << 33} {
		goal := live + live*uint64(percentFor(live))/100
		if want := max(roomBytes, 2*live); goal > want || live >= roomBytes/100 && goal < want*99/100 {
			t.Errorf("with %d bytes alive the heap grows to %d, want %d", live, goal, want)
		}
	}
}
