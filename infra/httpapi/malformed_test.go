package httpapi_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderflow/infra/httpapi"
)

// TestWhatNoHandlerSeesIsAProblemToo sends what net/http refuses by itself.
func TestWhatNoHandlerSeesIsAProblemToo(t *testing.T) {
	refused := make(chan int, 1)
	s := begin(t, func(c *httpapi.Config) {
		c.Observer.Began = func() {}
		c.Observer.Ended = func(_, _ string, status int, _ time.Duration) { refused <- status }
	})
	for name, c := range map[string]struct {
		request string
		status  int
		problem string
		detail  string
	}{
		"broken escape":     {"GET /v1/orders/%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-request", "address"},
		"no host":           {"GET /v1/orders HTTP/1.1\r\n\r\n", 400, "malformed-request", "missing required Host header"},
		"garbage":           {"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400, "malformed-request", "well-formed"},
		"broken header":     {"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400, "malformed-request", "header"},
		"another protocol":  {"GET / HTTP/3.7\r\nHost: x\r\n\r\n", 505, "malformed-request", "unsupported protocol version"},
		"odd encoding":      {"POST /v1/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: zip\r\n\r\n", 501, "malformed-request", "chunked"},
		"odd expectation":   {"GET / HTTP/1.1\r\nHost: x\r\nExpect: rain\r\n\r\n", 417, "malformed-request", "100-continue"},
		"headers, too many": {"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 5*httpapi.MaxHeaderBytes) + "\r\n\r\n", 431, "headers-too-large", "16384"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, c.request) // the server may hang up before it has read all
			answer, err := readAnswer(conn)
			if err != nil {
				t.Fatal(err)
			}
			if got := <-refused; got != c.status {
				t.Errorf("the figures say %d", got)
			}
			p := checkProblem(t, s, answer, c.status, c.problem)
			<-refused // the page of the problem
			if !strings.Contains(p.Detail, c.detail) || answer.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("it says %q, headers %v", p.Detail, answer.header)
			}
		})
	}
}

// readAnswer reads one answer from a connection.
func readAnswer(from io.Reader) (reply, error) {
	answer, err := http.ReadResponse(bufio.NewReader(from), nil)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return reply{answer.StatusCode, answer.Header, body}, err
}
