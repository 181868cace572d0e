package servers_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/infra/esdbserver/conformance"
	"orderflow/infra/esdbserver/servers"
)

// listen serves each connection at an address with do until the test ends.
func listen(t *testing.T, address string, do func(net.Conn)) string {
	t.Helper()
	var config net.ListenConfig
	socket, err := config.Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			go do(conn)
		}
	}()
	t.Cleanup(func() {
		_ = socket.Close()
		<-ended
	})
	return socket.Addr().String()
}

// certified makes certificates that are valid from a time on, and returns how a
// server shows its own, and where the authority's is.
func certified(t *testing.T, from time.Time) (show func(protocols ...string) func(net.Conn), ca string) {
	t.Helper()
	dir := t.TempDir()
	if err := conformance.WriteCertificates(dir, from); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "node", "node.crt"), filepath.Join(dir, "node", "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	return func(protocols ...string) func(net.Conn) {
		return func(conn net.Conn) {
			over := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: protocols, MinVersion: tls.VersionTLS12})
			_ = over.HandshakeContext(context.Background())
			_, _ = io.Copy(io.Discard, over) // until the client goes
			_ = over.Close()
		}
	}, filepath.Join(dir, "ca", "ca.crt")
}

func says(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

// TestTrouble asks servers that are no EventStoreDB, or that the connection
// string does not fit: it says which, and whether another try may go well.
func TestTrouble(t *testing.T) {
	show, ca := certified(t, time.Now())
	expired, caOfOld := certified(t, time.Now().AddDate(-20, 0, 0))
	const settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	secure, plain := "?tlsCaFile="+ca, "?tls=false"
	local := "127.0.0.1:0"
	for name, c := range map[string]struct {
		at, query string
		kind      domain.Kind
		says      string
	}{
		"it fits, with TLS":         {listen(t, local, show("h2")), secure, domain.Internal, ""},
		"it fits, without TLS":      {listen(t, local, says(settings)), plain, domain.Internal, ""},
		"TLS to a plain port":       {listen(t, local, says(settings)), secure, domain.Invalid, "speaks no TLS"},
		"plain to a TLS port":       {listen(t, local, show("h2")), plain, domain.Invalid, "speaks TLS, and the connection string says tls=false"},
		"HTTP/1, with TLS asked":    {listen(t, local, says("HTTP/1.1 400 Bad Request\r\n\r\n")), secure, domain.Invalid, "speaks HTTP/1 only"},
		"HTTP/1, without TLS asked": {listen(t, local, says("HTTP/1.1 400 Bad Request\r\n\r\n")), plain, domain.Invalid, "speaks HTTP/1 only"},
		"TLS without HTTP/2":        {listen(t, local, show()), secure, domain.Invalid, "not HTTP/2"},
		"TLS with HTTP/1":           {listen(t, local, show("http/1.1")), secure, domain.Invalid, "does not speak HTTP/2 in it"},
		"plain to TLS with HTTP/1":  {listen(t, local, show("http/1.1")), plain, domain.Invalid, "speaks TLS, and the connection string says tls=false"},
		"another authority":         {listen(t, local, show("h2")), "", domain.Invalid, "tlsCaFile=FILE"},
		"another name":              {listen(t, "127.0.0.2:0", show("h2")), secure, domain.Invalid, "for other names than 127.0.0.2"},
		"an old certificate":        {listen(t, local, expired("h2")), "?tlsCaFile=" + caOfOld, domain.Invalid, "not valid; renew it"},
		"rubbish":                   {listen(t, local, says("SSH-2.0-OpenSSH_9.6\r\n")), plain, domain.Invalid, "neither TLS nor HTTP"},
		"rubbish, with TLS asked":   {listen(t, local, says("SSH-2.0-OpenSSH_9.6\r\n")), secure, domain.Invalid, "neither TLS nor HTTP"},
		"it hangs up":               {listen(t, local, func(c net.Conn) { _ = c.Close() }), plain, domain.Unavailable, "closes connections at once"},
		"it hangs":                  {listen(t, local, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), plain, domain.Unavailable, "says nothing within"},
		"it hangs, with TLS asked":  {listen(t, local, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), secure, domain.Unavailable, "says nothing within"},
		"nothing listens":           {"127.0.0.1:1", plain, domain.Unavailable, "Nothing listens at"},
		"no such host":              {"nowhere.invalid:2113", plain, domain.Unavailable, "The host of nowhere.invalid:2113"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			named, err := servers.Parse("esdb://admin:hunter2@" + c.at + c.query)
			if err != nil {
				t.Fatal(err)
			}
			err = named.Trouble(t.Context(), c.at)
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || domain.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("kind %s, %v; want %s and %q", domain.KindOf(err), err, c.kind, c.says)
			}
		})
	}
}
