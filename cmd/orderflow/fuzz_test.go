package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/domain"
)

// goldenEvent is an event as the server sends it.
const goldenEvent = `{"position":41,"stream":"order-ord_1","version":1,"type":"order.placed.v1","id":"00","at":"2026-03-01T12:00:00Z","data":{"order":"ord_1"}}`

// FuzzWatch reads whatever a server sends as server-sent events: each is told
// once and in order, the place to go on from is the last one's, and what cannot
// be read is an error.
func FuzzWatch(f *testing.F) {
	f.Add([]byte("id: 41\ndata: "+goldenEvent+"\n\n: still here\n\ndata: "+goldenEvent+"\n\n"), 7)
	f.Add([]byte("data: {}\r\n\r\n"), 1)
	f.Add([]byte("data: \ndata"), 1)
	f.Add([]byte("data: null\n"), 1)
	f.Add([]byte("retry: 1\ndata: {\"position\":\"x\"}\n"), 1)
	f.Fuzz(func(t *testing.T, body []byte, enough int) {
		w, told, last := watcher{}, 0, int64(0)
		done, err := w.read(context.Background(), bytes.NewReader(body), func(e client.EventView) (bool, error) {
			told++
			if w.last != last {
				t.Fatalf("goes on from %d after %d", w.last, last)
			}
			if told == enough {
				return true, nil
			}
			last = e.Position
			return false, (&orderWatchCmd{}).show(io.Discard, e)
		})
		switch {
		case done != (told == enough && told > 0):
			t.Fatalf("done %t after %d of %d events", done, told, enough)
		case err != nil && domain.KindOf(err) != domain.Internal:
			t.Fatal(err)
		case told > bytes.Count(body, []byte("data: ")):
			t.Fatalf("%d events in %q", told, body)
		}
	})
}

// FuzzAnswer reads whatever a server answers as each of the forms this client
// knows, and as a problem: an error has a kind and a text, and what was read
// can be printed as JSON.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		`{"order_id":"ord_1","status":"SUCCESS","version":2,"position":9}`, `{"items":[` + goldenEvent + `],"next":"c"}`,
		`{"order_id":"ord_1","lines":[{"line":0,"sku":"A","quantity":1}],"total":{"minor":1,"currency":"GBP"}}`,
		`{"type":"https://orderflow.example/problems/rejected","title":"Rejected","status":422,"detail":"no","errors":[{"pointer":"/a","detail":"b"}]}`,
		`{"total":{"minor":9223372036854775808}}`, `null`, `[]`, ``, `{"items":null}`,
	} {
		f.Add([]byte(s), 422)
	}
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		for _, out := range []any{new(client.Result), new(client.OrderView), new(client.Page[client.OrderView]), new(client.Page[client.EventView]), new(client.EventView)} {
			if err := client.ReadAnswer(bytes.NewReader(body), out); err != nil {
				if domain.KindOf(err) != domain.Unknown {
					t.Fatalf("%q: %v", body, err)
				}
				continue
			}
			if _, err := json.Marshal(out); err != nil {
				t.Fatalf("%q was read and cannot be written: %v", body, err)
			}
		}
		answer := &http.Response{StatusCode: status, Status: "?", Body: io.NopCloser(bytes.NewReader(body))}
		if err := client.ProblemError(answer); err == nil || strings.TrimSpace(err.Error()) == "" && !bytes.Contains(body, []byte("status")) {
			t.Fatalf("%q says nothing: %v", body, err)
		}
	})
}
