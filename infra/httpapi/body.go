package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"
)

// maxPooledBytes keeps one large body from staying in memory for ever.
const maxPooledBytes = 64 << 10

// bodies hands out buffers for bodies.
type bodies struct{ pool sync.Pool }

func (b *bodies) get() *bytes.Buffer {
	if buf, ok := b.pool.Get().(*bytes.Buffer); ok {
		return buf
	}
	return new(bytes.Buffer)
}

func (b *bodies) put(buf *bytes.Buffer) {
	if buf.Cap() <= maxPooledBytes {
		buf.Reset()
		b.pool.Put(buf)
	}
}

// read fetches a body that says it is JSON, up to MaxBodyBytes.
func (b *bodies) read(w http.ResponseWriter, r *http.Request, buf *bytes.Buffer) error {
	if err := checkType(r.Header); err != nil {
		return err
	}
	if r.ContentLength > MaxBodyBytes {
		return tooLarge()
	}
	if n := r.ContentLength; n > 0 {
		buf.Grow(int(min(n, maxPooledBytes)) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, MaxBodyBytes))
	if err == nil {
		return nil
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return tooLarge()
	}
	p := problem("malformed-json", "The body broke off.")
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p = problem("request-timeout", "The body did not arrive in time.")
	}
	p.cause = err
	return p
}

func tooLarge() error {
	return problem("body-too-large", fmt.Sprintf("The body has more than %d bytes.", MaxBodyBytes))
}

func checkType(h http.Header) error {
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return problem("unsupported-media-type", "Compressed bodies are not taken.")
	}
	given := h.Get("Content-Type")
	if given == plainJSON {
		return nil
	}
	kind, params, err := mime.ParseMediaType(given)
	if err != nil || kind != plainJSON || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return problem("unsupported-media-type", fmt.Sprintf("The body's type is %q; send application/json in UTF-8.", clip(given)))
	}
	return nil
}

// strict reads and checks a body before next sees it; an optional one may be left out.
func (s *server) strict(next http.HandlerFunc, optional bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if optional && r.ContentLength == 0 {
			next(w, r)
			return
		}
		buf := s.bodies.get()
		defer s.bodies.put(buf)
		if err := s.bodies.read(w, r, buf); err != nil {
			s.fail(w, r, err)
			return
		}
		if err := checkJSON(buf.Bytes()); err != nil {
			s.fail(w, r, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(buf.Bytes()))
		next(w, r)
	}
}
