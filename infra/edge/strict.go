package edge

import (
	"encoding/json"

	"orderflow/internal/strictjson"
)

const (
	// maxDepth bounds the nesting of a token's JSON; ours has 2 levels.
	maxDepth = 8
	// maxMembers bounds the members of a token's objects, all together.
	maxMembers = 256
)

// strictObject reads one JSON object whose members, and those of all objects
// within, come once each, in valid UTF-8: two readers must not see two tokens.
func strictObject(data []byte) (map[string]json.RawMessage, bool) {
	if len(data) == 0 || data[0] != '{' {
		return nil, false
	}
	if strictjson.Check(data, strictjson.Limits{Depth: maxDepth, Members: maxMembers, Values: maxMembers}) != nil {
		return nil, false
	}
	var members map[string]json.RawMessage
	err := json.Unmarshal(data, &members)
	return members, err == nil && members != nil
}
