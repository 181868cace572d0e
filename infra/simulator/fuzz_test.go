package simulator_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/infra/simulator"
)

// goldenRow is the stored form of a row; ledgers of the past must stay readable.
const goldenRow = `{"seq":7,"time":"2023-11-24T00:00:00Z","provider":"payment","op":"refund","key":"r1","order":"ord_1","of":"a",` +
	`"amount":{"minor":60,"currency":"GBP"},"effective":true,"result":"refunded","reply":"late"}`

func TestStoredFormOfARow(t *testing.T) {
	row := simulator.Row{
		Seq: 7, Time: time.Date(2023, 11, 24, 0, 0, 0, 0, time.UTC), Provider: simulator.Payment, Op: simulator.Refund,
		Key: "r1", Order: "ord_1", Of: "a", Amount: domain.GBP(60), Effective: true, Result: "refunded", Reply: simulator.Delay,
	}
	line, err := simulator.EncodeRow(nil, row)
	if err != nil || string(line) != goldenRow+"\n" {
		t.Errorf("encoded %s, %v", line, err)
	}
	if _, ok := simulator.ReadOwn([]byte(goldenRow)); !ok {
		t.Error("the fast reader gave up on a plain row")
	}
	if got, err := simulator.DecodeRow([]byte(goldenRow)); err != nil || got != row {
		t.Errorf("decoded %+v, %v", got, err)
	}
}

// FuzzDecodeRow: what decodes, encodes to one line that decodes to the same.
func FuzzDecodeRow(f *testing.F) {
	f.Add([]byte(goldenRow))
	f.Add([]byte(`{"seq":1,"time":"2023-11-24T00:00:00Z","provider":"shipping","op":"book","key":"b","warehouse":"main","units":3,"effective":true,"result":"booked","reply":"sent"}`))
	f.Add([]byte(`{"seq":1,"op":"steal"}`))
	f.Add([]byte(`{"seq":1,"time":"2023-11-24T00:00:00Z","provider":"payment","name":"simulator-b","op":"void","key":"k","effective":true,"result":"voided","reply":"sent"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if own, ok := simulator.ReadOwn(line); ok {
			var library simulator.Row
			if err := json.Unmarshal(line, &library); err != nil || own != library {
				t.Fatalf("%q reads as %+v, by encoding/json as %+v (%v)", line, own, library, err)
			}
		}
		row, err := simulator.DecodeRow(line)
		if err != nil {
			return
		}
		again, err := simulator.EncodeRow(nil, row)
		if err != nil {
			t.Fatalf("%+v does not encode: %v", row, err)
		}
		if bytes.Count(again, []byte("\n")) != 1 {
			t.Fatalf("%q is not one line", again)
		}
		same, err := simulator.DecodeRow(bytes.TrimSuffix(again, []byte("\n")))
		if err != nil || !same.Time.Equal(row.Time) {
			t.Fatalf("%q does not come back: %v", again, err)
		}
		same.Time = row.Time
		if same != row {
			t.Fatalf("%+v came back as %+v", row, same)
		}
	})
}
