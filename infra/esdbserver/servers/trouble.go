package servers

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"orderflow/domain"
)

const (
	// troubleTimeout bounds each of the few looks at a server: one that answers at
	// all does so within a round trip or two.
	troubleTimeout = 3 * time.Second
	// http2 is what TLS calls the protocol under gRPC.
	http2 = "h2"
	// frameHeadBytes is the size of the head of each frame of HTTP/2, and
	// settingsFrame the type of the first one that a server sends (RFC 9113, 3.4).
	frameHeadBytes, settingsFrame = 9, 0x4
	// preface is what a client of HTTP/2 begins with: that, and empty settings.
	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
)

// Trouble looks why no connection to a server comes about, for a person: gRPC
// tells it in words only. Nil is that nothing was found. Kinds: Invalid (another
// try changes nothing: the connection string does not fit the server, or it is
// no EventStoreDB), Unavailable (it may be there later). It sends no password.
//
//	dial ─▶ refused, no such host, no answer
//	 ├─ with TLS: handshake ─▶ no TLS there, certificate not trusted, no HTTP/2
//	 └─ without:  HTTP/2?  ─▶ TLS? ─▶ HTTP/1? ─▶ something else
func (s *Servers) Trouble(ctx context.Context, address string) error {
	conn, err := dial(ctx, address)
	if err != nil {
		return unreached(address, err)
	}
	if s.insecure {
		defer conn.Close() //nolint:errcheck // it was only asked
		return plainTrouble(ctx, conn, address)
	}
	host, _, _ := net.SplitHostPort(address)
	secure := s.secure.Clone()
	secure.ServerName, secure.NextProtos = host, []string{http2}
	over := tls.Client(conn, secure)
	defer over.Close() //nolint:errcheck // it was only asked
	if err := over.HandshakeContext(ctx); err != nil {
		return handshakeTrouble(ctx, address, err)
	}
	if over.ConnectionState().NegotiatedProtocol != http2 {
		return domain.Errorf(domain.Invalid, "The server at %s speaks TLS, but not HTTP/2 in it: it is no EventStoreDB, or a proxy before it does not pass on HTTP/2", address)
	}
	return nil
}

// dial connects; what is sent and received on the connection is bounded too.
func dial(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: troubleTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(troubleTimeout))
}

// unreached says why nothing answers at an address.
func unreached(address string, err error) error {
	_, unknown := errors.AsType[*net.DNSError](err)
	switch {
	case unknown:
		return domain.Wrap(domain.Unavailable, err, "The host of %s is not known: look whether the name is right", address)
	case errors.Is(err, syscall.ECONNREFUSED):
		return domain.Errorf(domain.Unavailable, "Nothing listens at %s: the server does not run, or it is another port", address)
	case timedOut(err):
		return domain.Errorf(domain.Unavailable, "Nothing answers at %s within %v: the host is away, or a firewall is between", address, troubleTimeout)
	}
	return domain.Wrap(domain.Unavailable, err, "No connection to %s comes about", address)
}

// plainTrouble returns what is wrong with a server that is asked without TLS.
func plainTrouble(ctx context.Context, conn net.Conn, address string) error {
	said, err := answer(conn, preface)
	switch {
	case speaksHTTP2(said):
		return nil
	case len(said) == 0 && timedOut(err): // TLS and HTTP/1 answer to nonsense
		return silent(address)
	}
	if overTLS(ctx, address) {
		return domain.Errorf(domain.Invalid, "The server at %s speaks TLS, and the connection string says tls=false: leave that out, and name the authority of its certificate with tlsCaFile=FILE if it is not one of this machine's", address)
	}
	return noEventStore(ctx, address, said, err)
}

// handshakeTrouble says why TLS failed.
func handshakeTrouble(ctx context.Context, address string, err error) error {
	_, untrusted := errors.AsType[x509.UnknownAuthorityError](err)
	names, otherNames := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case untrusted:
		return domain.Errorf(domain.Invalid, "The certificate of %s is signed by an authority that this machine does not know; name the authority with tlsCaFile=FILE in the connection string", address)
	case otherNames:
		return domain.Errorf(domain.Invalid, "The certificate of %s is for other names than %s; write one of its names in the connection string, or give the server a certificate for this one", address, names.Host)
	case invalid:
		return domain.Wrap(domain.Invalid, err, "The certificate of %s is not valid; renew it, and look whether the clocks are right", address)
	case alerted(err):
		return domain.Wrap(domain.Invalid, err, "The server at %s speaks TLS, but refuses this connection: it does not speak HTTP/2 in it and is no EventStoreDB, or it demands a certificate of its clients, to be named with userCertFile=FILE and userKeyFile=FILE", address)
	case noTLS:
		return withoutTLS(ctx, address)
	}
	return noEventStore(ctx, address, nil, err)
}

// withoutTLS returns what a server is that answers TLS with something else.
func withoutTLS(ctx context.Context, address string) error {
	conn, err := dial(ctx, address)
	if err != nil {
		return unreached(address, err)
	}
	defer conn.Close() //nolint:errcheck // it was only asked
	said, err := answer(conn, preface)
	if speaksHTTP2(said) {
		return domain.Errorf(domain.Invalid, "The server at %s speaks no TLS: it runs insecure, or something before it ends TLS. Say tls=false in the connection string if that is meant; then no user and no password are sent", address)
	}
	return noEventStore(ctx, address, said, err)
}

// noEventStore returns what answers without HTTP/2: it was asked for that, and has
// said something, or nothing and failed.
func noEventStore(ctx context.Context, address string, said []byte, err error) error {
	switch {
	case overHTTP(ctx, address):
		return domain.Errorf(domain.Invalid, "What answers at %s speaks HTTP/1 only: it is another web server and no EventStoreDB, or a proxy before it does not pass on HTTP/2", address)
	case len(said) > 0:
		return domain.Errorf(domain.Invalid, "What answers at %s is no EventStoreDB: it speaks neither TLS nor HTTP; look whether the port is right", address)
	case timedOut(err):
		return silent(address)
	}
	return domain.Errorf(domain.Unavailable, "The server at %s closes connections at once: it starts or ends just now, refuses this machine, or is no EventStoreDB", address)
}

func silent(address string) error {
	return domain.Errorf(domain.Unavailable, "The server at %s takes connections and says nothing within %v: it hangs, or it is no EventStoreDB", address, troubleTimeout)
}

// timedOut reports whether a look took too long; a dialer says so in its own way.
func timedOut(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

// answer sends a request and returns the first bytes that come back.
func answer(conn net.Conn, request string) ([]byte, error) {
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, err
	}
	said := make([]byte, frameHeadBytes)
	n, err := io.ReadFull(conn, said)
	return said[:n], err
}

func speaksHTTP2(said []byte) bool { return len(said) == frameHeadBytes && said[3] == settingsFrame }

// overTLS reports whether a server speaks TLS, whatever its certificate is.
func overTLS(ctx context.Context, address string) bool {
	conn, err := dial(ctx, address)
	if err != nil {
		return false
	}
	over := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, NextProtos: []string{http2}}) //nolint:gosec // nothing is sent over it
	defer over.Close()                                                                                                         //nolint:errcheck // it was only asked
	err = over.HandshakeContext(ctx)
	return err == nil || alerted(err)
}

// alerted reports whether the other side ended TLS in good order; crypto/tls
// says so as the operation that failed.
func alerted(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && failed.Op == "remote error"
}

// overHTTP reports whether a server speaks HTTP/1.
func overHTTP(ctx context.Context, address string) bool {
	conn, err := dial(ctx, address)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // it was only asked
	said, _ := answer(conn, "GET / HTTP/1.1\r\nHost: "+address+"\r\nConnection: close\r\n\r\n")
	return bytes.HasPrefix(said, []byte("HTTP/1."))
}
