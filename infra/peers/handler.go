package peers

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"orderflow/commands"
	"orderflow/domain"
)

// Observer is told of every command that crossed; nil is told nothing. Where is
// "received" or "sent", kind the error's name or "ok".
type Observer func(where, command, kind string)

// Handler takes the commands of other processes for bus. A caller that does not bring
// the secret learns nothing else.
func Handler(bus commands.Bus, secret string, logger *slog.Logger, observe Observer) (http.Handler, error) {
	if err := CheckSecret(secret); err != nil {
		return nil, err
	}
	h := &handler{bus: bus, secret: sha256.Sum256([]byte(secret)), logger: logger, observe: observe}
	mux := http.NewServeMux()
	mux.Handle("POST "+Path, h)
	return mux, nil
}

// CheckSecret is Invalid for a secret that could be guessed.
func CheckSecret(secret string) error {
	if len(secret) < MinSecretBytes {
		return domain.Errorf(domain.Invalid, "The secret between the processes has %d bytes; it needs at least %d, such as those of `openssl rand -hex 32`.", len(secret), MinSecretBytes)
	}
	return nil
}

type handler struct {
	bus     commands.Bus
	secret  [sha256.Size]byte
	logger  *slog.Logger
	observe Observer
}

// ServeHTTP carries out one command.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.knows(r.Header.Get("Authorization")) {
		h.logger.WarnContext(r.Context(), "a command without the secret was refused", "from", r.RemoteAddr)
		reply(w, http.StatusUnauthorized, fault{Kind: domain.Rejected.String(), Text: "The secret is not the one of this fleet."})
		return
	}
	var e commands.Envelope
	if err := decode(http.MaxBytesReader(w, r.Body, MaxBodyBytes), &e); err != nil {
		h.fail(w, r, "unreadable", domain.Wrap(domain.Invalid, err, "The envelope cannot be read"))
		return
	}
	c, err := e.Open()
	if err != nil { // of another version
		h.tell("unknown", domain.Invalid.String())
		reply(w, http.StatusNotImplemented, fault{Kind: domain.Unavailable.String(), Text: err.Error()})
		return
	}
	answer, err := h.bus.Send(commands.WithOrigin(r.Context(), e.Origin), c)
	if err != nil {
		h.fail(w, r, c.CommandName(), err)
		return
	}
	h.tell(c.CommandName(), "ok")
	reply(w, http.StatusOK, answer)
}

func (h *handler) knows(authorization string) bool {
	brought, ok := strings.CutPrefix(authorization, "Bearer ")
	sum := sha256.Sum256([]byte(brought))
	return subtle.ConstantTimeCompare(sum[:], h.secret[:]) == 1 && ok
}

func (h *handler) fail(w http.ResponseWriter, r *http.Request, command string, err error) {
	kind := domain.KindOf(err)
	h.tell(command, kind.String())
	if kind == domain.Internal {
		h.logger.ErrorContext(r.Context(), "a command of another process failed", "command", command, "error", err)
	}
	reply(w, statusOf(kind), fault{Kind: kind.String(), Text: textOf(err)})
}

func (h *handler) tell(command, kind string) {
	if h.observe != nil {
		h.observe("received", command, kind)
	}
}

// statusOf is for people and proxies; senders go by the kind.
func statusOf(k domain.Kind) int {
	switch k {
	case domain.Invalid, domain.Mismatch:
		return http.StatusUnprocessableEntity
	case domain.NotFound:
		return http.StatusNotFound
	case domain.Rejected, domain.Conflict:
		return http.StatusConflict
	case domain.Exhausted:
		return http.StatusTooManyRequests
	case domain.Unavailable, domain.Unknown, domain.ReadOnly:
		return http.StatusServiceUnavailable
	case domain.Internal, domain.Incomplete:
	}
	return http.StatusInternalServerError
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the sender may be gone; it asks again
}

// decode reads exactly one JSON value.
func decode(body io.Reader, v any) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// textOf returns what the person who asked may know.
func textOf(err error) string {
	if e, ok := errors.AsType[*domain.Error](err); ok && e.Kind != domain.Internal {
		return e.Text
	}
	return "Something went wrong in another process; its log says what."
}
