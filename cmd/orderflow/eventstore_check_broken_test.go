package main

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc"

	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/infra/esdbserver/userclient"
	"orderflow/infra/memory"
)

// says is a server that tells its version, and nothing else.
type says struct {
	serverfeatures.UnimplementedServerFeaturesServer
	version string
}

func (s says) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	return &serverfeatures.SupportedMethods{EventStoreServerVersion: s.version}, nil
}

// half serves a version over gRPC, and has a handler answer all else.
func half(t *testing.T, version string, answer grpc.StreamHandler) string {
	t.Helper()
	var options []grpc.ServerOption
	if answer != nil {
		options = append(options, grpc.UnknownServiceHandler(answer))
	}
	server := grpc.NewServer(options...)
	serverfeatures.RegisterServerFeaturesServer(server, says{version: version})
	var config net.ListenConfig
	socket, err := config.Listen(t.Context(), "tcp", node.AnyPort)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	t.Cleanup(func() {
		server.Stop()
		<-served
	})
	return "esdb://" + socket.Addr().String() + "?tls=false"
}

// website is a web server that is no EventStoreDB, with TLS if it has an authority.
func website(t *testing.T, http2 bool) (address, ca string) {
	t.Helper()
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<html>It works!</html>")
	}))
	t.Cleanup(site.Close)
	site.EnableHTTP2, site.Config.ErrorLog = http2, log.New(io.Discard, "", 0)
	site.StartTLS()
	ca = filepath.Join(t.TempDir(), "ca.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: site.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return site.Listener.Addr().String(), ca
}

// TestCheckOfWhatIsNoEventStore checks what answers wrongly, in part or not at
// all: the check ends, with a code, and says to an operator what it is.
func TestCheckOfWhatIsNoEventStore(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	one, ofOne := website(t, false)
	two, ofTwo := website(t, true)
	insecure := strings.TrimSuffix(strings.TrimPrefix(storeOn(t, memory.NewDense()), "esdb://"), "?tls=false")
	secure := secureStoreOn(t, memory.NewDense())
	_, at, _ := strings.Cut(secure, "@")
	at, query, _ := strings.Cut(at, "?")
	admin, err := userclient.Open(secure)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	if err := admin.Add(t.Context(), userclient.User{Login: "ada"}, "hunter2"); err != nil {
		t.Fatal(err)
	}
	site := strings.TrimPrefix(plain.URL, "http://")
	nothing := func(any, grpc.ServerStream) error { return nil }
	hangs := func(_ any, s grpc.ServerStream) error { <-s.Context().Done(); return s.Context().Err() }
	for name, c := range map[string]struct {
		connection string
		code       int
		says       string
	}{
		"a web server":                   {"esdb://ada:hunter2@" + site + "?tls=false", terminal.ExitUsage, "another web server and no EventStoreDB"},
		"a web server, asked with TLS":   {"esdb://ada:hunter2@" + site + "?tls=true", terminal.ExitUsage, "another web server and no EventStoreDB"},
		"a web server with TLS":          {"esdb://ada:hunter2@" + one + "?tlsCaFile=" + ofOne, terminal.ExitUsage, "does not speak HTTP/2 in it"},
		"a web server with HTTP/2":       {"esdb://ada:hunter2@" + two + "?tlsCaFile=" + ofTwo, terminal.ExitFailed, "does not read streams"},
		"TLS to a plain port":            {"esdb://ada:hunter2@" + insecure + "?tls=true", terminal.ExitUsage, "Say tls=false"},
		"plain to a TLS port":            {"esdb://ada:hunter2@" + at + "?tls=false", terminal.ExitUsage, "speaks TLS, and the connection string says tls=false"},
		"an authority that is not known": {"esdb://ada:hunter2@" + at + "?tls=true", terminal.ExitUsage, "tlsCaFile=FILE"},
		"nobody":                         {"esdb://" + at + "?" + query, terminal.ExitFailed, "The server demands a user"},
		"no rights":                      {"esdb://ada:hunter2@" + at + "?" + query, terminal.ExitFailed, "ada may not read $all, which orderflow follows; an administrator gives the right with `orderflow eventstore user grant ada`"},
		"a password that is another":     {"esdb://ada:hunter3@" + at + "?" + query, terminal.ExitFailed, "refuses the user or password of the connection string (ada)"},
		"no streams":                     {half(t, "24.10.0", nil), terminal.ExitFailed, "does not read streams"},
		"no streams, and too old":        {half(t, "21.10.1", nil), terminal.ExitFailed, "The version is 21.10.1; orderflow needs 22.6 or later"},
		"answers without content":        {half(t, "24.10.0", nothing), terminal.ExitFailed, "unknown"},
		"too old":                        {half(t, "21.10.1", nothing), terminal.ExitFailed, "does not fit orderflow: version"},
		"it hangs behind the version":    {half(t, "24.10.0", hangs), terminal.ExitUnavailable, "the server hangs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // some wait for an answer
			out, progress, err := checked(t, c.connection)
			all := out + progress
			if err != nil {
				all += err.Error()
			}
			if code := terminal.ExitCode(err); code != c.code || !strings.Contains(all, c.says) {
				t.Errorf("code %d, not %d, %q is wanted:\n%s", code, c.code, c.says, all)
			}
			if strings.Contains(all, "hunter") {
				t.Errorf("the password is told:\n%s", all)
			}
		})
	}
}
