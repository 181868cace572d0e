package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// What the server itself says of a request it cannot read begins with a status
// and goes on with these headers and nothing else; no handler's answer does.
const serverErrorHeaders = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

// Listener lets the server answer with problems also where the request is no
// HTTP that a handler could be asked about: a broken address, no Host, headers
// without end. net/http answers those itself, as plain text, in one write on
// the connection; that write is replaced. One it did not recognise would go
// out as it is.
func (a *API) Listener(l net.Listener) net.Listener { return listener{l, a.server.guard} }

type listener struct {
	net.Listener
	guard *guard
}

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok && err == nil {
		return conn{tcp, l.guard}, nil
	}
	return c, err
}

// conn keeps all that a TCP connection can do.
type conn struct {
	*net.TCPConn
	guard *guard
}

// Write implements net.Conn.
func (c conn) Write(b []byte) (int, error) {
	status, text, ok := serverError(b)
	if !ok {
		return c.TCPConn.Write(b)
	}
	if _, err := c.TCPConn.Write(c.guard.malformed(status, text)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// serverError recognises an error that net/http answers with itself. Text says
// what was wrong, if it knows.
func serverError(b []byte) (status int, text string, ok bool) {
	const begin = "HTTP/1.1 "
	rest, found := bytes.CutPrefix(b, []byte(begin))
	if !found || len(rest) < len("400 ") || rest[0] != '4' && rest[0] != '5' {
		return 0, "", false
	}
	line, _, _ := bytes.Cut(rest, []byte("\r\n"))
	expectation := bytes.HasPrefix(line, []byte("417 ")) // no handler answers so
	if !expectation && !bytes.HasPrefix(rest[len(line):], []byte(serverErrorHeaders)) {
		return 0, "", false
	}
	status, err := strconv.Atoi(string(line[:3]))
	_, text, _ = strings.Cut(string(line), ": ")
	return status, text, err == nil
}

// malformed is the whole answer to a request that cannot be read.
func (g *guard) malformed(status int, text string) []byte {
	p := problem("malformed-request", "The request line, the address or a header is not well-formed.")
	switch {
	case status == http.StatusRequestHeaderFieldsTooLarge:
		p = problem("headers-too-large", fmt.Sprintf("The headers have more bytes than the %d that are allowed.", MaxHeaderBytes))
	case status == http.StatusExpectationFailed:
		p.Detail = "The only expectation that can be met is 100-continue."
	case status == http.StatusNotImplemented:
		p.Detail = "The only transfer encoding that can be read is chunked."
	case text != "":
		p.Detail = "The request cannot be read: " + text + "."
	}
	h := http.Header{}
	secure(h, g.requestID())
	p.Status, p.Instance = status, h.Get(requestIDHeader)
	if g.config.Observer.Began != nil && g.config.Observer.Ended != nil {
		g.config.Observer.Began()
		g.config.Observer.Ended(otherMethod, unmatched, status, 0)
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic("httpapi: a problem cannot be written: " + err.Error()) // it is made of texts
	}
	h.Set("Content-Type", problemJSON)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Connection", "close")
	var out bytes.Buffer
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = h.Write(&out) // into memory
	out.WriteString("\r\n")
	out.Write(body)
	return out.Bytes()
}
