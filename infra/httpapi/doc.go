// Package httpapi serves commands and queries over HTTP: OpenAPI 3.1 at
// /openapi.json, a page for people at /docs, and every error as problem+json
// (RFC 9457) whose type is explained at /problems/{name}.
//
//	request ─▶ guard: request id, limits, panics, figures ─▶ router ─▶ body: type, size, strict JSON
//	        ─▶ handler ─▶ commands.Bus ─▶ position, ETag ─────────────────────▶ answer
//	                   └▶ (wait until the view has the position) ─▶ readmodels ─┘
//
// Operations are declared with huma, which validates requests and writes the
// OpenAPI document. Placing and reading one order are the hot path: their
// operations are declared the same way, fast-path handlers answer them, and an
// order that was rendered is kept until its row changes.
//
// A placed order is 202 Accepted: it is durable and the work on it has begun.
// With Prefer: wait=N the answer is 200 when the order has settled in time,
// whatever the outcome, because the request is then processed and its result is the body;
// and 202 as long as there is more to come.
package httpapi
