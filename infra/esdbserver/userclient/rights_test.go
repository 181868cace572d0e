package userclient_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow/domain"
	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/conformance"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/userclient"
	"orderflow/infra/memory"
)

func TestMain(m *testing.M) {
	// The clock of the regular expressions of our node, which ends by itself.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2.runClock"))
}

// node is a node with TLS, and where its users are asked as a login:password.
type node struct {
	*esdbserver.Server
	address, ca string
}

func serve(t *testing.T) node {
	t.Helper()
	dir := t.TempDir()
	if err := conformance.WriteCertificates(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "node", "node.crt"), filepath.Join(dir, "node", "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := esdbserver.New(t.Context(), esdbserver.Options{Log: memory.NewDense(), Certificate: &certificate})
	if err != nil {
		t.Fatal(err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), <-served); err != nil {
			t.Error(err)
		}
	})
	return node{s, l.Addr().String(), filepath.Join(dir, "ca", "ca.crt")}
}

func (n node) as(t *testing.T, who string, also ...string) *userclient.Client {
	t.Helper()
	c, err := userclient.Open("esdb://" + who + "@" + strings.Join(append(also, n.address), ",") + "?tlsCaFile=" + n.ca)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

const root = "admin:changeit"

// TestRightsKeepWhatIsThere changes the metadata of $all in every form it may
// have: whoever could read it still can, and nothing else is lost.
func TestRightsKeepWhatIsThere(t *testing.T) {
	for before, want := range map[string][2]string{ // after a grant, after revoking it; "" is as it was
		"":                             {`{"$acl":{"$r":["$admins","x"]}}`, `{"$acl":{"$r":["$admins"]}}`},
		`{}`:                           {`{"$acl":{"$r":["$admins","x"]}}`, `{"$acl":{"$r":["$admins"]}}`},
		`{"$acl":null}`:                {`{"$acl":{"$r":["$admins","x"]}}`, `{"$acl":{"$r":["$admins"]}}`},
		`{"$acl":{"$r":null}}`:         {`{"$acl":{"$r":["$admins","x"]}}`, `{"$acl":{"$r":["$admins"]}}`},
		`{"a":1,"$acl":{"$w":"y"}}`:    {`{"$acl":{"$r":["$admins","x"],"$w":"y"},"a":1}`, `{"$acl":{"$r":["$admins"],"$w":"y"},"a":1}`},
		`{"$acl":{"$r":"y"}}`:          {`{"$acl":{"$r":["y","x"]}}`, `{"$acl":{"$r":["y"]}}`},
		`{"$acl":{"$r":["y","z"]}}`:    {`{"$acl":{"$r":["y","z","x"]}}`, `{"$acl":{"$r":["y","z"]}}`},
		`{"$acl":{"$r":["x"]}}`:        {"", `{"$acl":{"$r":[]}}`},
		`{"$acl":{"$r":"x"}}`:          {"", `{"$acl":{"$r":[]}}`},
		`{"$acl":{"$r":["$all"]}}`:     {"", ""},
		`{"$acl":{"$r":"$all"},"b":2}`: {"", ""},
	} {
		n := serve(t)
		c := n.as(t, root)
		if before != "" {
			n.describe(t, before)
		}
		for i, change := range []func(context.Context, string) (bool, error){c.Grant, c.Revoke} {
			was := n.metadata(t)
			changed, err := change(t.Context(), "x")
			is := n.metadata(t)
			if wanted := want[i]; err != nil || changed != (wanted != "") || changed && is != wanted || !changed && is != was {
				t.Errorf("%q, step %d: %v, %v: %s", before, i, changed, err, is)
			}
		}
	}
}

func (n node) describe(t *testing.T, data string) {
	t.Helper()
	if _, err := n.Engine().Append(t.Context(), engine.Write{Stream: "$$$all", Expected: engine.Any, Events: []engine.Proposed{
		{ID: [16]byte{1}, Type: "$metadata", JSON: true, Data: []byte(data)},
	}}); err != nil {
		t.Fatal(err)
	}
}

func (n node) metadata(t *testing.T) string {
	t.Helper()
	m, err := n.Engine().Metadata(t.Context(), "$all")
	if err != nil {
		t.Fatal(err)
	}
	return string(m.Raw)
}

// TestRightsThatCannotBeRead are mended by a person, and not written over.
func TestRightsThatCannotBeRead(t *testing.T) {
	for _, broken := range []string{`[`, `null`, `7`, `{"$acl":7}`, `{"$acl":{"$r":5}}`, `{"$acl":{"$r":[5]}}`} {
		n := serve(t)
		n.describe(t, broken)
		if _, err := n.as(t, root).Grant(t.Context(), "x"); domain.KindOf(err) != domain.Conflict || !strings.Contains(err.Error(), "$$$all") {
			t.Errorf("%s: %v", broken, err)
		}
		if is := n.metadata(t); is != broken {
			t.Errorf("%s became %s", broken, is)
		}
	}
}

// TestRightsAtTheSameTime has somebody else give a right between the reading of
// the metadata and its writing: nothing is written over, and the first is told.
func TestRightsAtTheSameTime(t *testing.T) {
	n := serve(t)
	c := n.as(t, root)
	for _, name := range []string{"a", "b"} { // without metadata, and with some
		_, err := c.Edit(t.Context(), func(readers []string, _ bool) []string {
			if _, err := c.Grant(t.Context(), name); err != nil {
				t.Error(err)
			}
			return append(readers, "late")
		})
		if is := n.metadata(t); domain.KindOf(err) != domain.Conflict || !strings.Contains(is, `"`+name+`"`) || strings.Contains(is, "late") {
			t.Errorf("after %s: %v: %s", name, err, is)
		}
	}
}
