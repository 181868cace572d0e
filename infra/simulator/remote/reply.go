package remote

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"orderflow/domain"
	"orderflow/infra/simulator"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
)

// read decodes the body of a request into v, or replies that it cannot. Such a request
// has no effect and may be of another version, so it is Unavailable: it is not
// taken for the provider's refusal.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBodyBytes))
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.DisallowUnknownFields()
		if err = decoder.Decode(v); err == nil && decoder.More() {
			err = errors.New("the body has more than one JSON value")
		}
	}
	if err != nil {
		reply(w, http.StatusBadRequest, fault{Kind: domain.Unavailable.String(), Reason: reasonUnreadable, Text: "The request cannot be read: " + err.Error()})
	}
	return err == nil
}

// refuse replies with an error, or breaks the connection if no reply is to arrive.
func refuse(w http.ResponseWriter, err error) {
	kind, reason := domain.KindOf(err), reasonOf(err)
	if kind == domain.Unknown {
		switch reason {
		case simulator.ReasonConnectionLost, simulator.ReasonTimeout, simulator.ReasonCanceled:
			panic(http.ErrAbortHandler) // net/http closes the connection without a reply
		}
	}
	text := err.Error()
	if e, ok := errors.AsType[*domain.Error](err); ok {
		text = e.Text
	}
	reply(w, statusOf(kind), fault{Kind: kind.String(), Reason: reason, Text: text})
}

func reasonOf(err error) string {
	if f, ok := errors.AsType[charging.Failure](err); ok {
		return f.Reason
	}
	if f, ok := errors.AsType[dispatching.Failure](err); ok {
		return f.Reason
	}
	return ""
}

func statusOf(k domain.Kind) int {
	switch k {
	case domain.Rejected:
		return http.StatusConflict
	case domain.NotFound:
		return http.StatusNotFound
	case domain.Invalid:
		return http.StatusUnprocessableEntity
	case domain.Unavailable:
		return http.StatusServiceUnavailable
	case domain.Internal, domain.Conflict, domain.Mismatch, domain.Unknown, domain.Exhausted, domain.ReadOnly, domain.Incomplete:
	}
	return http.StatusInternalServerError
}

func reply(w http.ResponseWriter, status int, v any) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(WriteTimeout)) // a writer without deadlines is one of a test
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller may be gone; it asks again
}
