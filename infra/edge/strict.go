package edge

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"
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
	if !utf8.Valid(data) || len(data) == 0 || data[0] != '{' {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	left := maxMembers
	if !onceEach(d, maxDepth, &left) {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false
	}
	var members map[string]json.RawMessage
	err := json.Unmarshal(data, &members)
	return members, err == nil && members != nil
}

// onceEach reads one value and says whether no object in it has a member twice.
func onceEach(d *json.Decoder, depth int, left *int) bool {
	t, err := d.Token()
	if err != nil || depth == 0 {
		return false
	}
	open, ok := t.(json.Delim)
	if !ok {
		return true
	}
	names := map[string]bool{}
	for d.More() {
		if *left--; *left < 0 {
			return false
		}
		if open == '{' {
			name, err := d.Token()
			s, isName := name.(string)
			if err != nil || !isName || names[s] {
				return false
			}
			names[s] = true
		}
		if !onceEach(d, depth-1, left) {
			return false
		}
	}
	_, err = d.Token() // the end of what open began
	return err == nil
}
