package inventory

import (
	"encoding/json"

	"orderflow/domain"
)

// SnapshotSchema names the state, its fold and its encoding in snapshots;
// change it with any of them, and older snapshots are ignored.
const SnapshotSchema = "inventory.v2"

// EncodeSnapshot writes a state down.
func EncodeSnapshot(s State) ([]byte, error) { return json.Marshal(s) }

// DecodeSnapshot reads what EncodeSnapshot wrote. A state that lacks one of its
// parts is an error: what follows could not be folded into it.
func DecodeSnapshot(data []byte) (s State, err error) {
	if err := json.Unmarshal(data, &s); err != nil {
		return State{}, err
	}
	missing := 0
	for _, lacks := range []bool{s.Levels == nil, s.Orders.usual == nil, s.Held == nil, s.Shorts == nil, s.Done == nil} {
		if lacks {
			missing++
		}
	}
	if missing != 0 && missing != 5 { // none of them is the state of an empty stream
		return State{}, domain.Errorf(domain.Internal, "The snapshot lacks %d of its parts.", missing)
	}
	return s, nil
}
