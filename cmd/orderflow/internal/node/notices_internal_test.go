package node

import "testing"

// TestNotices raises and clears conditions.
func TestNotices(t *testing.T) {
	var n Notices
	if n.Clear("disk") || len(n.List()) != 0 {
		t.Error("the zero value has conditions")
	}
	if !n.Raise("disk", "It is full.") || n.Raise("disk", "It is full: 3 bytes are free.") || !n.Raise("backup", "It is old.") {
		t.Error("a condition begins once")
	}
	all := n.List()
	if len(all) != 2 || all[0].Kind != "backup" || all[1].Text != "It is full: 3 bytes are free." || all[1].Since.IsZero() {
		t.Errorf("the conditions are %+v", all)
	}
	if !n.Clear("disk") || n.Clear("disk") || len(n.List()) != 1 {
		t.Error("a condition ends once")
	}
}
