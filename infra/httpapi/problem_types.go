package httpapi

import (
	"net/http"

	"orderflow/domain"
)

// ProblemType is one kind of problem: its status, and what its page says.
type ProblemType struct {
	Title      string
	Status     int
	RetryAfter int // seconds a client should wait; 0 says nothing
	Cause      string
	Fix        string
}

// problemTypes is the one list of problems; pages, OpenAPI and tests come from
// it. Names are part of the API: add some, never rename.
var problemTypes = map[string]ProblemType{ //nolint:gochecknoglobals // a constant table
	"invalid-request": {
		"The request can never succeed", http.StatusUnprocessableEntity, 0,
		"A field is missing, unknown, out of bounds or of the wrong form, or names something that does not exist.",
		"Correct what detail and errors name, and send it under a new Idempotency-Key.",
	},
	"malformed-json": {
		"The body is not one well-formed JSON value", http.StatusBadRequest, 0,
		"The body breaks off, has data after its end, names a member twice, nests too deeply, or is not UTF-8.",
		"Send exactly one JSON object, encoded in UTF-8.",
	},
	"unsupported-media-type": {
		"The body's type is not JSON", http.StatusUnsupportedMediaType, 0,
		"Content-Type is missing or something else than application/json, or the body is compressed.",
		"Send Content-Type: application/json and an uncompressed body.",
	},
	"body-too-large": {
		"The body is too large", http.StatusRequestEntityTooLarge, 0,
		"The body has more bytes than any request of this API needs.",
		"Send less at once: an order has at most 2,000 lines.",
	},
	"headers-too-large": {
		"The headers are too large", http.StatusRequestHeaderFieldsTooLarge, 0,
		"All headers together are larger than 16 KiB.",
		"Send fewer and shorter headers.",
	},
	"uri-too-long": {
		"The address is too long", http.StatusRequestURITooLong, 0,
		"Path and query together are longer than 8 KiB.",
		"Send a shorter query.",
	},
	"request-timeout": {
		"The body did not arrive in time", http.StatusRequestTimeout, 0,
		"The client began a body and did not finish it.",
		"Send it again.",
	},
	"no-such-route": {
		"No such route", http.StatusNotFound, 0,
		"The path is not one of this API.",
		"See /docs for the addresses there are.",
	},
	"not-found": {
		"Not found", http.StatusNotFound, 0,
		"Nothing has that name, or the view that was asked has not heard of it yet.",
		"Check the name. After a write, send its Orderflow-Position with the query.",
	},
	"malformed-request": {
		"The request is not well-formed HTTP", http.StatusBadRequest, 0,
		"The request line, the address or a header cannot be read, as with a broken percent escape, no Host, or another protocol.",
		"Send HTTP/1.1 as RFC 9112 has it; percent-encode what is in the address.",
	},
	"method-not-allowed": {
		"The address does not take this method", http.StatusMethodNotAllowed, 0,
		"The path exists, for other methods.",
		"Use one of those the Allow header lists.",
	},
	"rejected": {
		"Rejected by a business rule", http.StatusConflict, 0,
		"The request is well formed, and the state of what it is about does not permit it.",
		"Read the present state; another request may be the right one.",
	},
	"conflict": {
		"Conflict with a concurrent change", http.StatusConflict, 0,
		"The same thing was changed at the same time, again and again.",
		"Send the same request again.",
	},
	"idempotency-key-missing": {
		"The Idempotency-Key header is missing", http.StatusBadRequest, 0,
		"Without a key a repeated request could not be told from a second one.",
		`Choose a fresh key for each new request, such as a UUID, and send it as Idempotency-Key: "…"; repeat it when repeating the request.`,
	},
	"idempotency-key-invalid": {
		"The Idempotency-Key header is not a key", http.StatusBadRequest, 0,
		"The key is empty, longer than 255 characters, badly quoted, or has characters that are not printable ASCII.",
		"Send 1 to 255 printable ASCII characters, in double quotes.",
	},
	"idempotency-key-reused": {
		"The key was used for another request", http.StatusUnprocessableEntity, 0,
		"A request with this Idempotency-Key and another body came before.",
		"Use a fresh key for a new request, and the very same body when repeating one.",
	},
	"request-in-flight": {
		"The same request is being recorded", http.StatusConflict, 1,
		"The first request with this Idempotency-Key is not recorded yet. Once it is, a repeat is answered at once, even while the first one still waits under Prefer: wait.",
		"Wait and repeat; the answer will be that of the first, marked Idempotency-Replayed.",
	},
	"precondition-failed": {
		"Changed since it was read", http.StatusPreconditionFailed, 0,
		"If-Match names another version than the present one.",
		"Read it again and decide again.",
	},
	"invalid-cursor": {
		"The cursor is not one this list gave out", http.StatusBadRequest, 0,
		"The cursor was altered, belongs to another query, or comes from another installation.",
		"Follow the next link as it stands, or start from the first page.",
	},
	"stale": {
		"View not caught up yet", http.StatusServiceUnavailable, 1,
		"The query asks for a position that the view did not reach before the timeout.",
		"Repeat the query, or leave out the position to read the present state.",
	},
	"unauthenticated": {
		"Authentication required", http.StatusUnauthorized, 0,
		"The token is missing or not valid: it has expired, is meant for another audience, or was not signed by an issuer this server trusts. The answer does not say which.",
		"Get a fresh token from the issuer and send it as Authorization: Bearer TOKEN. With the development issuer: orderflow token.",
	},
	"forbidden": {
		"The caller may not do this", http.StatusForbidden, 0,
		"The token is good and has none of the scopes that are needed, or the request is for another customer.",
		"Ask the issuer for a token with one of the scopes that detail names.",
	},
	"rate-limited": {
		"Too many requests", http.StatusTooManyRequests, 1,
		"A customer, or an address without a token, sent more requests than are taken in a time; or an address sent many bad tokens.",
		"Wait as many seconds as retry_after says. The RateLimit header of every answer says how many requests are left.",
	},
	"limit-exceeded": {
		"A limit was reached", http.StatusTooManyRequests, 1,
		"A limit on rate, size or number was reached.",
		"Ask for less, or later.",
	},
	"too-many-streams": {
		"Too many watchers", http.StatusTooManyRequests, 5,
		"As many clients watch orders as this server serves at a time.",
		"Watch fewer orders, or read them when needed.",
	},
	"overloaded": {
		"Server overloaded", http.StatusServiceUnavailable, 1,
		"As many requests are being worked on as this server takes at a time.",
		"Send it again later; nothing was done.",
	},
	"unavailable": {
		"Service unavailable", http.StatusServiceUnavailable, 1,
		"A dependency does not answer. Nothing was done.",
		"Send the same request again later.",
	},
	"outcome-unknown": {
		"Outcome unknown", http.StatusServiceUnavailable, 1,
		"The answer of a dependency was lost, so the request may or may not have taken effect.",
		"Send the same request again under the same Idempotency-Key; it is done once.",
	},
	"read-only": {
		"Read-only: no writes are accepted now", http.StatusServiceUnavailable, 10,
		"The store protects itself, as when the disk is nearly full. Reads go on.",
		"Send it again later; the operator must make room.",
	},
	"incomplete-stream": {
		"A part of the record is missing", http.StatusInternalServerError, 0,
		"The event log holds this order's or article's stream without some of its events: it was truncated or deleted there. Nothing is decided about it until they are restored.",
		"Tell the operator the instance; repeating the request does not help.",
	},
	"internal": {
		"Internal error", http.StatusInternalServerError, 0,
		"A fault of the server, not of the request.",
		"Tell the operator the instance; the log has the details.",
	},
}

// kindProblems maps each kind of error to its problem type.
var kindProblems = map[domain.Kind]string{ //nolint:gochecknoglobals // a constant table
	domain.Internal: "internal", domain.Invalid: "invalid-request", domain.Rejected: "rejected",
	domain.NotFound: "not-found", domain.Conflict: "conflict", domain.Unavailable: "unavailable",
	domain.Mismatch: "idempotency-key-reused", domain.Unknown: "outcome-unknown",
	domain.Exhausted: "limit-exceeded", domain.ReadOnly: "read-only",
	domain.Incomplete: "incomplete-stream",
}

// statusProblems maps the statuses of huma's own errors to problem types.
var statusProblems = map[int]string{ //nolint:gochecknoglobals // a constant table
	http.StatusBadRequest: "malformed-json", http.StatusUnprocessableEntity: "invalid-request",
	http.StatusRequestTimeout: "request-timeout", http.StatusRequestEntityTooLarge: "body-too-large",
	http.StatusUnsupportedMediaType: "unsupported-media-type",
}
