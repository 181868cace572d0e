package inventory

import "encoding/json"

// SnapshotSchema names the state, its fold and its encoding in snapshots;
// change it with any of them, and older snapshots are ignored.
const SnapshotSchema = "inventory.v2"

// EncodeSnapshot writes a state down.
func EncodeSnapshot(s State) ([]byte, error) { return json.Marshal(s) }

// DecodeSnapshot reads what EncodeSnapshot wrote.
func DecodeSnapshot(data []byte) (s State, err error) {
	err = json.Unmarshal(data, &s)
	return s, err
}
