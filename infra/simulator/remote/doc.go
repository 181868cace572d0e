// Package remote serves a simulator to other processes over HTTP, so that a fleet
// has one ledger.
//
//	caller                                        service
//	Client.Gateway(name).Capture ── POST /simulator/capture ─▶ Handler ─▶ Simulator.Gateway(name).Capture ─▶ ledger
//	                                Authorization: Bearer SECRET
//	                                {"name", "key", "amount", …}
//	                                200 {"key", "reference", …}
//	                                4xx, 5xx {"kind", "reason", "text"}
//
// A gateway or carrier of a [Client] has the kinds of errors and the reasons of the
// one it stands for:
//
//	no connection was made                        Unavailable  connection_refused
//	503 of an outage, a wrong secret              Unavailable  connection_refused, unauthorized
//	the connection broke, or no reply in time     Unknown      connection_lost, timeout, canceled
//	any other 5xx, a reply that cannot be read    Unknown      server_error, unreadable_answer
//	another 4xx                                   Rejected or NotFound, with the provider's reason
//
// The faults are real where HTTP has them: a lost reply is a connection that breaks
// after the effect, and a call that hangs gets no reply until the caller gives up. An
// outage, for which a provider would not accept the connection, is a 503 that says so,
// because the connection that carries the request is already accepted.
//
// A request is sent once. net/http sends a request again over a new connection when
// a reused one turns out to be dead, if it takes the request for repeatable; requests
// here are a POST without a header that names a key and with a body that cannot be
// read twice. Whether a call may be repeated is decided by the saga that recorded it.
package remote

import "time"

// The limits of both ends.
const (
	// MaxBodyBytes bounds a request: seven names of [simulator.MaxNameBytes], each byte
	// escaped as six.
	MaxBodyBytes = 16 << 10
	// MaxReplyBytes bounds a reply; the longest is an abridged summary.
	MaxReplyBytes = 4 << 20
	// MaxHeaderBytes bounds the header of a request or a reply, which has a secret and little else.
	MaxHeaderBytes = 8 << 10
	// MinSecretBytes bounds the secret from below: 128 bits, written as text.
	MinSecretBytes = 32
	// ConnectTimeout bounds the attempt to connect to a service that is gone.
	ConnectTimeout = time.Second
	// CallTimeout bounds one call of a caller that has no deadline of its own.
	CallTimeout = 30 * time.Second
	// ReadTimeout bounds the arrival of a request's header, and then of its body.
	ReadTimeout = 5 * time.Second
	// WriteTimeout bounds the sending of a reply.
	WriteTimeout = 5 * time.Second
	// HangTimeout bounds a call that hangs although its caller does not give up; it
	// is longer than every caller's patience.
	HangTimeout = 10 * time.Minute
	// IdleTimeout is how long the service keeps a connection that is not used.
	IdleTimeout = 2 * time.Minute
	// ReuseTimeout is how long a client reuses one: less than IdleTimeout, so that a
	// request does not meet a connection that is being closed.
	ReuseTimeout = time.Minute
	// DrainTimeout bounds the wait for calls under way when the service ends.
	DrainTimeout = 10 * time.Second
	// MaxIdleConns bounds the connections that a client keeps: a bulkhead of 20 calls
	// for each of two gateways and two carriers fits.
	MaxIdleConns = 128
)
