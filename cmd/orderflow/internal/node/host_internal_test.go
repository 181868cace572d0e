package node

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestOnlyNamesOfThisMachineAreAnsweredWithoutAuthentication(t *testing.T) {
	handler := onThisMachine(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for host, want := range map[string]int{
		"127.0.0.1": 204, "127.0.0.1:8080": 204, "localhost": 204, "LOCALHOST:80": 204, "[::1]:8080": 204, "[::1]": 204, "127.9.9.9:1": 204,
		"orders.localhost:8080": 204, "localhost.:8080": 204,
		"evil.example": 403, "evil.example:8080": 403, "127.0.0.1.evil.example": 403, "10.0.0.1:8080": 403, "localhost.evil.example": 403, "": 403, "[::]:8080": 403,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/orders", nil)
		r.Host = host
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("Host %q is answered %d, want %d", host, w.Code, want)
		}
	}
}
