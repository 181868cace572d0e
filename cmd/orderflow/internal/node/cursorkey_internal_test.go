package node

import (
	"bytes"
	"testing"
)

func TestGatewaysOfAFleetSignCursorsAlike(t *testing.T) {
	key := func(data, secret string) []byte {
		t.Helper()
		k, err := cursorKey(Config{Data: data, Fleet: Fleet{PeerSecret: secret}})
		if err != nil || len(k) != cursorKeyBytes {
			t.Fatalf("%d bytes, %v", len(k), err)
		}
		return k
	}
	one, other := t.TempDir(), t.TempDir()
	if !bytes.Equal(key(one, "the same"), key(other, "the same")) {
		t.Error("two gateways with one secret sign differently")
	}
	if bytes.Equal(key(one, "the same"), key(one, "another")) {
		t.Error("two fleets sign alike")
	}
	if alone := key(one, ""); !bytes.Equal(alone, key(one, "")) || bytes.Equal(alone, key(other, "")) {
		t.Error("a node alone keeps a key of its own")
	}
}
