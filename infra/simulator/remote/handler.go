package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/infra/simulator"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
)

// Handler returns the service of sim. A caller that does not send the secret gets 401
// and nothing else; so does every caller if [CheckSecret] refuses the secret.
func Handler(sim *simulator.Simulator, secret string) http.Handler {
	h := &handler{sim: sim, secret: sha256.Sum256([]byte(secret)), usable: CheckSecret(secret) == nil}
	mux := http.NewServeMux()
	for _, op := range []simulator.Op{simulator.Capture, simulator.Lookup, simulator.Void, simulator.Refund, simulator.Book, simulator.Cancel} {
		mux.HandleFunc("POST "+pathPrefix+string(op), func(w http.ResponseWriter, r *http.Request) { h.call(w, r, op) })
	}
	mux.HandleFunc("POST "+outagePath, h.outage)
	mux.HandleFunc("POST "+summaryPath, h.summary)
	return h.authenticated(mux)
}

// CheckSecret is Invalid for a secret that could be guessed.
func CheckSecret(secret string) error {
	if len(secret) < MinSecretBytes {
		return domain.Errorf(domain.Invalid, "The secret of the simulator has %d bytes; it needs at least %d, such as those of `openssl rand -hex 32`. Set it with --secret or ORDERFLOW_SIMULATOR_SECRET.", len(secret), MinSecretBytes)
	}
	return nil
}

type handler struct {
	sim     *simulator.Simulator
	secret  [sha256.Size]byte
	usable  bool       // the secret cannot be guessed
	summing sync.Mutex // one summary at a time: each has every order of the ledger in memory
}

func (h *handler) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		sum := sha256.Sum256([]byte(sent))
		if subtle.ConstantTimeCompare(sum[:], h.secret[:]) != 1 || !ok || !h.usable {
			reply(w, http.StatusUnauthorized, fault{Kind: domain.Unavailable.String(), Reason: reasonUnauthorized, Text: "The secret is not the one of this simulator."})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// call carries out one operation of a gateway or carrier.
func (h *handler) call(w http.ResponseWriter, r *http.Request, op simulator.Op) {
	var in request
	if !read(w, r, &in) {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), HangTimeout)
	defer cancel()
	out, err := perform(ctx, h.sim, op, in)
	if err != nil {
		refuse(w, err)
		return
	}
	out.Key = in.Key
	reply(w, http.StatusOK, out)
}

func perform(ctx context.Context, sim *simulator.Simulator, op simulator.Op, in request) (out answer, err error) {
	var receipt charging.Receipt
	var parcel dispatching.Parcel
	g, c := sim.Gateway(in.Name), sim.Carrier(in.Name)
	switch op {
	case simulator.Capture:
		receipt, err = g.Capture(ctx, charging.Charge{Order: in.Order, Key: in.Key, Amount: in.Amount, Token: in.Token})
	case simulator.Lookup:
		receipt, err = g.Lookup(ctx, in.Key)
	case simulator.Void:
		err = g.Void(ctx, in.Key)
	case simulator.Refund:
		receipt, err = g.Refund(ctx, charging.RefundRequest{Order: in.Order, Key: in.Key, ChargeKey: in.ChargeKey, Amount: in.Amount})
	case simulator.Book:
		parcel, err = c.Book(ctx, dispatching.Booking{Order: in.Order, Key: in.Key, Warehouse: in.Warehouse, Units: in.Units})
	case simulator.Cancel:
		err = c.Cancel(ctx, in.Key)
	}
	return answer{
		Reference: receipt.Reference, Amount: receipt.Amount,
		Tracking: parcel.Tracking, EstimatedDelivery: parcel.EstimatedDelivery,
	}, err
}

func (h *handler) outage(w http.ResponseWriter, r *http.Request) {
	var in outage
	if !read(w, r, &in) {
		return
	}
	if err := simulator.CheckOutage(in.Provider, in.Name, in.Behaviour); err != nil {
		refuse(w, err)
		return
	}
	h.sim.SetOutage(in.Provider, in.Name, in.Behaviour)
	reply(w, http.StatusOK, in)
}

func (h *handler) summary(w http.ResponseWriter, r *http.Request) {
	if !read(w, r, &struct{}{}) {
		return
	}
	h.summing.Lock()
	defer h.summing.Unlock()
	sum, err := h.sim.Summary()
	if err != nil {
		refuse(w, err)
		return
	}
	reply(w, http.StatusOK, sum.Abridged())
}

// read decodes the body of a request into v, or replies that it cannot. Such a request
// has no effect and may be of another version, so it is Unavailable: it is not
// taken for the provider's refusal.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(ReadTimeout)) // a writer without deadlines is one of a test
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBodyBytes))
	_ = control.SetReadDeadline(time.Time{}) // what follows watches for the end of the connection
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
