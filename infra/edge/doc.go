// Package edge is the middleware in front of the API: it authenticates callers,
// limits their rate, and sets CORS and security headers for browsers. Behind it
// a request has a [commands.Caller] in its context; the API authorises it.
//
//	request ─▶ security headers ─▶ CORS (preflights end here) ─▶ public path? ─────────────▶ limit by address ─▶ next
//	                                                             └▶ bearer token ─▶ Caller ─▶ limit by customer ─▶ next
//	                                                                └▶ 401, or 429 when an address fails too often
//
// A token is a signed JWT (RFC 7519, RFC 8725). Its form is checked to the
// letter before a key is looked at: one member each, no padding, nothing that
// would have us fetch or trust a key that the token brings along. The key is
// the one of its kid in the key set (JWKS), and the algorithm is the key's,
// never the token's choice. Then issuer, audience, expiry and the other times
// are checked by github.com/lestrrat-go/jwx.
//
// A refusal never says why: body and headers are the same for every reason.
// The reason goes to the log and the figures.
//
// The key set comes from a file or an address and is refetched in the
// background; a kid that is not in it has it fetched at most once in
// [RefetchEvery]. While the address does not answer the last good set holds.
// An issuer that rotates its keys publishes the new one beside the old one for
// at least [RefetchEvery] before it signs with it, and takes the old one away
// when its last token has expired.
package edge
