package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Names of headers.
const (
	requestIDHeader   = "Request-Id"
	positionHeader    = "Orderflow-Position"
	idempotencyHeader = "Idempotency-Key"
	replayedHeader    = "Idempotency-Replayed"
)

const (
	// maxKeyChars bounds an Idempotency-Key.
	maxKeyChars = 255
	// MaxWait bounds how long Prefer: wait=N holds an answer back.
	MaxWait = 30 * time.Second
)

// parseKey reads an Idempotency-Key: a quoted string as structured fields
// write it (RFC 9651), or the bare key. Keys longer than a name may be are
// replaced by their digest, so they stay distinct.
func parseKey(values []string) (string, error) {
	if len(values) == 0 || values[0] == "" {
		return "", problem("idempotency-key-missing", "Send the header Idempotency-Key.")
	}
	if len(values) > 1 {
		return "", problem("idempotency-key-invalid", "Idempotency-Key comes more than once.")
	}
	key, ok := values[0], true
	if strings.HasPrefix(key, `"`) {
		key, ok = unquoteKey(key)
	}
	if !ok || key == "" || len(key) > maxKeyChars || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", problem("idempotency-key-invalid", "Idempotency-Key must be 1 to 255 printable ASCII characters.")
	}
	if len(key) > domain.MaxNameBytes || strings.TrimSpace(key) != key {
		return "sha_" + domain.Digest("idempotency-key", key), nil
	}
	return key, nil
}

func unquoteKey(s string) (string, bool) {
	var key strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return key.String(), i == len(s)-1
		case '\\':
			if i++; i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", false
			}
		}
		key.WriteByte(s[i])
	}
	return "", false
}

// parseWait reads wait=N, in seconds, from Prefer (RFC 7240). A preference is
// a wish: what cannot be read is ignored, and what is too long is cut to MaxWait.
func parseWait(values []string) (time.Duration, bool) {
	for _, v := range values {
		for p := range strings.SplitSeq(v, ",") {
			p, _, _ = strings.Cut(p, ";")
			name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
			if err != nil {
				return 0, false
			}
			return min(time.Duration(n)*time.Second, MaxWait), true
		}
	}
	return 0, false
}

// etag returns a strong validator of one state of a thing: its stream's version,
// and the position of the last event that changed what is shown of it.
func etag(version, position int64) string {
	b := make([]byte, 0, 44)
	b = append(b, '"')
	b = strconv.AppendInt(b, version, 10)
	b = append(b, '.')
	b = strconv.AppendInt(b, position, 10)
	return string(append(b, '"'))
}

// noneMatch reports whether If-None-Match names tag, so that nothing is new.
func noneMatch(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		t = strings.TrimPrefix(strings.TrimSpace(t), "W/")
		if t == tag || t == "*" {
			return true
		}
	}
	return false
}

// parseMatch reads the version that If-Match demands; ok is false without the
// header, and for "*", which any thing that exists matches. Both "3" and "3.57" demand version 3.
func parseMatch(header string) (v eventlog.Version, ok bool, err error) {
	header = strings.TrimSpace(header)
	if header == "" || header == "*" {
		return 0, false, nil
	}
	quoted := len(header) > 2 && header[0] == '"' && header[len(header)-1] == '"'
	if quoted {
		first, _, _ := strings.Cut(header[1:len(header)-1], ".")
		if n, err := strconv.ParseInt(first, 10, 64); err == nil && n > 0 {
			return eventlog.Version(n), true, nil
		}
	}
	return 0, false, problem("precondition-failed", "If-Match does not name an ETag this API gave out.")
}

// parsePosition reads a position a client sends back; empty is 0.
func parsePosition(s string) (eventlog.Position, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, domain.Errorf(domain.Invalid, "%q is not a position; send the one a command answered with.", clip(s))
	}
	return eventlog.Position(n), nil
}

// setPosition tells the client where its write is in the log.
func setPosition(h http.Header, p eventlog.Position) {
	h[positionHeader] = []string{strconv.FormatInt(int64(p), 10)}
}
