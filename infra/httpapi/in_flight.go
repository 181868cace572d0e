package httpapi

import (
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
)

// inFlight is the set of keys whose requests are being handled.
// The zero value is ready.
type inFlight struct{ keys sync.Map }

// begin adds a key; it returns false if a request with the key is being handled.
func (f *inFlight) begin(key string) bool {
	_, there := f.keys.LoadOrStore(key, struct{}{})
	return !there
}

func (f *inFlight) end(key string) { f.keys.Delete(key) }

// streams counts watchers.
type streams struct {
	max int64
	now atomic.Int64
}

func (s *streams) begin() bool {
	if s.now.Add(1) > s.max {
		s.now.Add(-1)
		return false
	}
	return true
}

func (s *streams) end() { s.now.Add(-1) }

func writeJSON(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		writeProblem(w, err)
		return
	}
	w.Header()["Content-Type"] = []string{plainJSON}
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the client may be gone
}
