package pebblelog_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

func sample() eventlog.Recorded {
	return eventlog.Recorded{
		ID: eventlog.EventID{1, 2, 3}, Stream: "order-ord_1", Version: 300, Position: 70_000, Type: "order.placed.v1",
		Data: []byte(`{"a":1}`), Meta: eventlog.Meta{Command: "c", Correlation: "ord_1", Actor: "ü"},
		At: time.Date(2026, 3, 1, 9, 0, 0, 123, time.UTC),
	}
}

// TestStoredFormsStay holds the bytes that are on disks: a new form gets a new
// first byte, and what is written today stays readable.
func TestStoredFormsStay(t *testing.T) {
	const record = "01f25ebea9" + "1898ac0721aca07b" + "01020300000000000000000000000000" + "ac02" +
		"0b6f726465722d6f72645f31" + "0f6f726465722e706c616365642e7631" + "0163" + "056f72645f31" + "00" + "02c3bc" + "00" + "7b2261223a317d"
	if got := hex.EncodeToString(pebblelog.EncodeRecord(sample())); got != record {
		t.Errorf("a record is written as\n%s\nnot\n%s", got, record)
	}
	copied := sample()
	copied.Meta.Recorded = "2026-03-01T09:00:00.000000123Z"
	const second = "024d4177ef" + "1898ac0721aca07b" + "01020300000000000000000000000000" + "ac02" +
		"0b6f726465722d6f72645f31" + "0f6f726465722e706c616365642e7631" + "0163" + "056f72645f31" + "00" + "02c3bc" + "00" +
		"1e323032362d30332d30315430393a30303a30302e3030303030303132335a" + "7b2261223a317d"
	if got := hex.EncodeToString(pebblelog.EncodeRecord(copied)); got != second {
		t.Errorf("the record of a copied event is written as\n%s\nnot\n%s", got, second)
	}
	const snapshot = "019713c806" + "07" + "0131" + "7374617465"
	if got := hex.EncodeToString(pebblelog.EncodeSnapshot("1", 7, []byte("state"))); got != snapshot {
		t.Errorf("a snapshot is written as\n%s\nnot\n%s", got, snapshot)
	}
	const text = "orderflow event log checkpoint v1\nposition 7\nrecord sha256 0500000000000000000000000000000000000000000000000000000000000000\nsignature ed25519 "
	if got := pebblelog.EncodeCheckpoint(7, [32]byte{5}, testKey()); !bytes.HasPrefix(got, []byte(text)) {
		t.Errorf("a checkpoint is written as\n%s", got)
	}
}

func testKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

// TestAlteredRecordIsNoticed flips every bit of a record, and moves it.
func TestAlteredRecordIsNoticed(t *testing.T) {
	t.Run("of the first form", func(t *testing.T) { alteredIsNoticed(t, sample()) })
	copied := sample()
	copied.Meta.Recorded = "2026-03-01T09:00:00.000000123Z"
	t.Run("of a copied event", func(t *testing.T) { alteredIsNoticed(t, copied) })
}

func alteredIsNoticed(t *testing.T, r eventlog.Recorded) {
	record := pebblelog.EncodeRecord(r)
	back, err := pebblelog.DecodeRecord(record, r.Position)
	if err != nil || !equal(back, r) {
		t.Fatalf("%+v, %v; want %+v", back, err, r)
	}
	for i := range len(record) * 8 {
		altered := bytes.Clone(record)
		altered[i/8] ^= 1 << (i % 8)
		if _, err := pebblelog.DecodeRecord(altered, r.Position); err == nil {
			t.Errorf("bit %d of byte %d can be flipped unnoticed", i%8, i/8)
		}
	}
	other := bytes.Clone(record)
	other[0] ^= 1 | 2 // the one form as the other
	if _, err := pebblelog.DecodeRecord(other, r.Position); err == nil {
		t.Error("a record of one form is read as one of the other")
	}
	if _, err := pebblelog.DecodeRecord(record, r.Position+1); err == nil {
		t.Error("a record is read at a position that is not its own")
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(pebblelog.EncodeRecord(sample()), int64(70_000))
	copied := sample()
	copied.Meta.Recorded = "2026-03-01T09:00:00.000000123Z"
	f.Add(pebblelog.EncodeRecord(copied), int64(70_000))
	f.Fuzz(func(t *testing.T, record []byte, position int64) {
		r, err := pebblelog.DecodeRecord(record, eventlog.Position(position))
		if err != nil {
			return
		}
		again, err := pebblelog.DecodeRecord(pebblelog.EncodeRecord(r), eventlog.Position(position))
		if err != nil || !equal(again, r) {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}

func FuzzDecodeSnapshot(f *testing.F) {
	f.Add(pebblelog.EncodeSnapshot("1", 7, []byte("state")))
	f.Fuzz(func(t *testing.T, value []byte) {
		schema, at, state, ok := pebblelog.DecodeSnapshot(value)
		if !ok {
			return
		}
		again := pebblelog.EncodeSnapshot(schema, at, state)
		if s, v, b, ok := pebblelog.DecodeSnapshot(again); !ok || s != schema || v != at || !bytes.Equal(b, state) {
			t.Errorf("%q %d %q became %q %d %q", schema, at, state, s, v, b)
		}
	})
}

func FuzzDecodeCheckpoint(f *testing.F) {
	key := testKey()
	good := pebblelog.EncodeCheckpoint(7, [32]byte{5}, key)
	f.Add(good)
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := pebblelog.DecodeCheckpoint(text, key.Public().(ed25519.PublicKey))
		if err == nil && !bytes.Equal(bytes.TrimSuffix(text, []byte("\n")), bytes.TrimSuffix(good, []byte("\n"))) {
			t.Errorf("a checkpoint nobody signed is taken:\n%s", text)
		}
	})
}

func FuzzDecodeKey(f *testing.F) {
	f.Add([]byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if key, err := pebblelog.DecodeKey(text); err == nil && len(key) != ed25519.PrivateKeySize {
			t.Errorf("a key of %d bytes", len(key))
		}
	})
}
