package client

import (
	"io"
	"net/http"
	"sync"
)

// InProcess is a RoundTripper that calls a handler directly. The body streams,
// so that server-sent events arrive as they are written.
type InProcess struct{ Handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t InProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	body, writer := io.Pipe()
	w := &pipedAnswer{header: http.Header{}, body: writer, began: make(chan struct{})}
	ask := r.Clone(r.Context())
	ask.RequestURI, ask.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:0"
	if ask.Body == nil {
		ask.Body = http.NoBody
	}
	go func() {
		t.Handler.ServeHTTP(w, ask)
		w.WriteHeader(http.StatusOK)
		_ = writer.Close()
	}()
	select {
	case <-w.began:
	case <-r.Context().Done():
		_ = body.Close()
		return nil, r.Context().Err()
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: body, ContentLength: -1, Request: r,
	}, nil
}

// pipedAnswer is the http.ResponseWriter of one call.
type pipedAnswer struct {
	header, sent http.Header
	body         *io.PipeWriter
	once         sync.Once
	began        chan struct{} // closed once status and sent stand
	status       int
}

func (w *pipedAnswer) Header() http.Header { return w.header }

func (w *pipedAnswer) WriteHeader(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.began)
	})
}

func (w *pipedAnswer) Write(data []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(data)
}

// Flush implements http.Flusher; every write is on its way already.
func (w *pipedAnswer) Flush() { w.WriteHeader(http.StatusOK) }
