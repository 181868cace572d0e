package remote

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
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
// and nothing else; so does every caller if [CheckSecret] refuses the secret. Only the
// probes below /healthz/ need none.
func Handler(sim *simulator.Simulator, secret string) http.Handler {
	h := &handler{sim: sim, secret: sha256.Sum256([]byte(secret)), usable: CheckSecret(secret) == nil}
	mux := http.NewServeMux()
	for _, op := range []simulator.Op{simulator.Capture, simulator.Lookup, simulator.Void, simulator.Refund, simulator.Book, simulator.Cancel} {
		mux.HandleFunc("POST "+pathPrefix+string(op), func(w http.ResponseWriter, r *http.Request) { h.call(w, r, op) })
	}
	mux.HandleFunc("POST "+outagePath, h.outage)
	mux.HandleFunc("POST "+summaryPath, h.summary)
	all := http.NewServeMux()
	all.Handle("/", h.authenticated(mux))
	for _, probe := range []string{"live", "ready", "started"} {
		all.HandleFunc("GET /healthz/"+probe, h.health)
	}
	return timed(all)
}

// timed limits the reading of each request, of its body too where net/http skips that
// after the reply. Once a body is read net/http lifts the limit by itself, to learn when
// the caller is gone.
func timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(ReadTimeout)) // a writer without deadlines is one of a test
		next.ServeHTTP(w, r)
	})
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

// health answers a probe: a simulator that cannot write its ledger is not ready.
func (h *handler) health(w http.ResponseWriter, r *http.Request) {
	if err := h.sim.Ready(); err != nil && !strings.HasSuffix(r.URL.Path, "/live") {
		reply(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": "the ledger cannot be written"})
		return
	}
	reply(w, http.StatusOK, map[string]string{"status": "ok"})
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
