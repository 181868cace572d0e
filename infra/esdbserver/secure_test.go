package esdbserver_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/conformance"
	"orderflow/infra/memory"
)

// secure starts a node with a certificate; ca is the file of who signed it.
func secure(t *testing.T) (n node, ca string) {
	t.Helper()
	dir := t.TempDir()
	if err := conformance.WriteCertificates(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "node", "node.crt"), filepath.Join(dir, "node", "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, memory.NewDense(), func(o *esdbserver.Options) { o.Insecure, o.Certificate = false, &certificate }), filepath.Join(dir, "ca", "ca.crt")
}

// as connects with a login and a password, "" for nobody's.
func (n node) as(t *testing.T, ca, login string) *esdb.Client {
	t.Helper()
	if login != "" {
		login += "@"
	}
	return connect(t, "esdb://"+login+n.address+"?tls=true&tlsCaFile="+ca)
}

// TestPasswords says who may come in.
func TestPasswords(t *testing.T) {
	n, ca := secure(t)
	for login, want := range map[string]esdb.ErrorCode{
		"admin:changeit":  -1,
		"ops:changeit":    esdb.ErrorCodeAccessDenied,
		"":                esdb.ErrorCodeAccessDenied,
		"admin:wrong":     esdb.ErrorCodeUnauthenticated,
		"nobody:changeit": esdb.ErrorCodeUnauthenticated,
	} {
		for range 2 { // the second time it is remembered
			_, err := readAllOf(t, n.as(t, ca, login), "$users")
			if codeOf(err) != want {
				t.Errorf("%q: %v; want %d", login, err, want)
			}
		}
	}
}

// TestPasswordOfOthers says that a password that EventStoreDB stored is good here.
func TestPasswordOfOthers(t *testing.T) {
	n, ca := secure(t)
	admin := n.as(t, ca, "admin:changeit")
	stored := event("$UserCreated") // of a server of 2020, password changeit
	stored.Data = []byte(`{"loginName":"other","fullName":"Other","salt":"Tu036zxRRiy+1a7nFU2o0A==","hash":"xG0N4MPkilVltawxsM3+O5SUTPI=","groups":["$admins"]}`)
	mustAppend(t, admin, "$user-other", stored)
	if _, err := readAllOf(t, n.as(t, ca, "other:changeit"), "$users"); err != nil {
		t.Errorf("%v", err)
	}
	disabled := event("$UserUpdated")
	disabled.Data = []byte(strings.Replace(string(stored.Data), `"groups"`, `"disabled":true,"groups"`, 1))
	mustAppend(t, admin, "$user-other", disabled)
	if _, err := readAllOf(t, n.as(t, ca, "other:changeit"), "$users"); codeOf(err) != esdb.ErrorCodeUnauthenticated {
		t.Errorf("a disabled user: %v", err)
	}
	stored.EventID = uuid.New()
	mustAppend(t, admin, "$user-other", stored)
	if _, err := readAllOf(t, n.as(t, ca, "other:changeit"), "$users"); codeOf(err) != -1 {
		t.Errorf("%v", err)
	}
	if _, err := admin.DeleteStream(ctx(t), "$user-other", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	if _, err := readAllOf(t, n.as(t, ca, "other:changeit"), "$users"); codeOf(err) != esdb.ErrorCodeUnauthenticated {
		t.Errorf("a user that was deleted: %v", err)
	}
}

// TestAccess says who may do what, by the defaults, by a stream's own list and
// by $settings.
func TestAccess(t *testing.T) {
	n, ca := secure(t)
	n.services(t).person(t, "guest")
	admin, operator, guest, nobody := n.as(t, ca, "admin:changeit"), n.as(t, ca, "ops:changeit"), n.as(t, ca, "guest:secret"), n.as(t, ca, "")
	mustAppend(t, admin, "open", event("a"))
	mustAppend(t, admin, "closed", event("a"))
	mustAppend(t, admin, "$system", event("a"))
	acl := esdb.Acl{}
	acl.AddReadRoles("ops")
	acl.AddWriteRoles("$ops")
	acl.AddMetaReadRoles("$all")
	meta := esdb.StreamMetadata{}
	meta.SetAcl(acl)
	if _, err := admin.SetStreamMetadata(ctx(t), "closed", esdb.AppendToStreamOptions{}, meta); err != nil {
		t.Fatal(err)
	}
	reads := func(c *esdb.Client, stream string) bool {
		_, err := readAllOf(t, c, stream)
		return allowed(t, err)
	}
	writes := func(c *esdb.Client, stream string) bool {
		_, err := c.AppendToStream(ctx(t), stream, esdb.AppendToStreamOptions{}, event("b"))
		return allowed(t, err)
	}
	readsMeta := func(c *esdb.Client, stream string) bool {
		_, err := c.GetStreamMetadata(ctx(t), stream, esdb.ReadStreamOptions{})
		return allowed(t, err)
	}
	readsAll := func(c *esdb.Client, _ string) bool {
		_, err := drain(c.ReadAll(ctx(t), esdb.ReadAllOptions{}, 10))
		return allowed(t, err)
	}
	check := func(what string, do func(*esdb.Client, string) bool, stream string, byAdmin, byOps, byGuest bool) {
		t.Helper()
		if a, o, g := do(admin, stream), do(operator, stream), do(guest, stream); a != byAdmin || o != byOps || g != byGuest {
			t.Errorf("%s of %s: admin %v, ops %v, guest %v", what, stream, a, o, g)
		}
		if do(nobody, stream) {
			t.Errorf("%s of %s: nobody may", what, stream)
		}
	}
	check("read", reads, "open", true, true, true)
	check("write", writes, "open", true, true, true)
	check("read", reads, "closed", true, true, false)
	check("write", writes, "closed", true, true, false)
	check("metadata", readsMeta, "closed", true, true, true)
	check("read", reads, "$system", true, false, false)
	check("write", writes, "$system", true, false, false)
	check("metadata", readsMeta, "$system", true, false, false)
	check("read", readsAll, "$all", true, false, false)

	check("read", reads, "$$open", true, true, true)
	sub, err := guest.SubscribeToStream(ctx(t), "open", esdb.SubscribeToStreamOptions{From: esdb.End{}})
	if err != nil {
		t.Fatal(err)
	}
	settings := event("update-default-acl")
	settings.Data = []byte(`{"$userStreamAcl":{"$r":"$ops"},"$systemStreamAcl":{"$r":["$ops","$admins"]}}`)
	mustAppend(t, admin, "$settings", settings)
	mustAppend(t, admin, "open", event("c"))
	if err := dropped(sub); !strings.Contains(err.Error(), "Access Denied") {
		t.Errorf("whoever may no longer read goes on to: %v", err)
	}
	check("read", reads, "open", true, true, false)
	check("write", writes, "open", true, true, true)
	check("read", reads, "$system", true, true, false)
	check("read", readsAll, "$all", true, true, false)
}

// TestLinksUnveilNothing says that a link shows its target to those only that
// may read it.
func TestLinksUnveilNothing(t *testing.T) {
	n, ca := secure(t)
	n.services(t).person(t, "guest")
	admin, guest := n.as(t, ca, "admin:changeit"), n.as(t, ca, "guest:secret")
	link := event("$>")
	link.Data = []byte("0@$user-admin")
	mustAppend(t, guest, "links", link)
	mustAppend(t, guest, "open", event("a"))
	other := event("$>")
	other.Data = []byte("0@open")
	mustAppend(t, guest, "links", other)
	for _, c := range []struct {
		client *esdb.Client
		secret bool
	}{{admin, true}, {guest, false}} {
		got, err := drain(c.client.ReadStream(ctx(t), "links", esdb.ReadStreamOptions{ResolveLinkTos: true}, 10))
		if err != nil || len(got) != 2 || (got[0].Event != nil) != c.secret || got[1].Event == nil {
			t.Errorf("%+v, %v", got, err)
		}
		sub, err := c.client.SubscribeToStream(ctx(t), "links", esdb.SubscribeToStreamOptions{From: esdb.Start{}, ResolveLinkTos: true})
		if err != nil {
			t.Fatal(err)
		}
		if e := sub.Recv(); e.EventAppeared == nil || (e.EventAppeared.Event != nil) != c.secret {
			t.Errorf("%+v", e)
		}
		_ = sub.Close()
	}
	settings := esdb.SubscriptionSettingsDefault()
	settings.ResolveLinkTos = true
	if err := admin.CreatePersistentSubscription(ctx(t), "links", "g", esdb.PersistentStreamSubscriptionOptions{Settings: &settings, StartFrom: esdb.Start{}}); err != nil {
		t.Fatal(err)
	}
	group, err := n.as(t, ca, "ops:changeit").SubscribeToPersistentSubscription(ctx(t), "links", "g", esdb.SubscribeToPersistentSubscriptionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if e := group.Recv(); e.EventAppeared == nil || e.EventAppeared.Event.Event != nil {
		t.Errorf("a group shows its reader %+v", e)
	}
	_ = group.Close()
}

// TestTheRightToReadAll is what the product needs: a user of no group may not
// read $all, and may once the metadata of $all says so; what else is the
// system's stays closed to it.
func TestTheRightToReadAll(t *testing.T) {
	n, ca := secure(t)
	s := n.services(t)
	s.person(t, "orderflow")
	s.person(t, "other")
	admin, ours, other := n.as(t, ca, root), n.as(t, ca, "orderflow:secret"), n.as(t, ca, "other:secret")
	reads := func(c *esdb.Client) bool {
		t.Helper()
		_, err := drain(c.ReadAll(ctx(t), esdb.ReadAllOptions{}, 10))
		return allowed(t, err)
	}
	follows := func(c *esdb.Client) bool {
		t.Helper()
		sub, err := c.SubscribeToAll(ctx(t), esdb.SubscribeToAllOptions{From: esdb.Start{}})
		if err == nil {
			defer sub.Close() //nolint:errcheck // it is only read
			if e := sub.Recv(); e.SubscriptionDropped != nil {
				err = e.SubscriptionDropped.Error
			}
		}
		return allowed(t, err)
	}
	for what, c := range map[string]*esdb.Client{"orderflow": ours, "other": other, "ops": n.as(t, ca, "ops:changeit")} {
		if reads(c) || follows(c) {
			t.Errorf("%s may read $all before anybody said so", what)
		}
	}
	grant := event("$metadata")
	grant.Data = []byte(`{"$acl":{"$r":["$admins","orderflow"]}}`)
	if _, err := ours.AppendToStream(ctx(t), "$$$all", esdb.AppendToStreamOptions{}, grant); codeOf(err) != esdb.ErrorCodeAccessDenied {
		t.Errorf("a user gives itself the right: %v", err)
	}
	mustAppend(t, admin, "$$$all", grant)
	if !reads(ours) || !follows(ours) || reads(other) || follows(other) || !reads(admin) {
		t.Error("the right to $all is not that of its metadata")
	}
	for _, stream := range []string{"$users", "$user-orderflow", "$missing"} {
		if _, err := readAllOf(t, ours, stream); allowed(t, err) {
			t.Errorf("it may read %s too", stream)
		}
		if _, err := ours.AppendToStream(ctx(t), stream, esdb.AppendToStreamOptions{}, event("a")); codeOf(err) != esdb.ErrorCodeAccessDenied {
			t.Errorf("it writes to %s: %v", stream, err)
		}
	}
	if _, err := admin.DeleteStream(ctx(t), "$$open", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); codeOf(err) != esdb.ErrorCodeAccessDenied {
		t.Errorf("metadata is deleted as a stream: %v", err)
	}
}

// allowed is false for a call that was denied; nothing else may go wrong.
func allowed(t *testing.T, err error) bool {
	t.Helper()
	if codeOf(err) == esdb.ErrorCodeResourceNotFound { // there is none to read
		return true
	}
	if err != nil && codeOf(err) != esdb.ErrorCodeAccessDenied {
		t.Fatalf("%v", err)
	}
	return err == nil
}

// TestPort says that one port speaks gRPC and HTTP/1.1, with TLS and without.
func TestPort(t *testing.T) {
	n, ca := secure(t)
	text, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	authority, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	for base, transport := range map[string]*http.Transport{
		"https://" + n.address:                          {TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}, // as browsers and curl do
		"http://" + serve(t, memory.NewDense()).address: {},
	} {
		client := http.Client{Transport: transport, Timeout: patience}
		for path, status := range map[string]int{
			"/health/live": 204, "/health/live?liveCode=200": 200, "/health/live?liveCode=7": 204, "/ping": 200, "/info": 200, "/gossip": 200, "/stats": 200, "/": 404, "/streams/s": 404,
		} {
			if path == "/stats" && strings.HasPrefix(base, "https") {
				unknown, err := client.Get(base + path) //nolint:noctx // the client has a limit
				if err != nil || unknown.Body.Close() != nil || unknown.StatusCode != http.StatusUnauthorized {
					t.Errorf("statistics without a password: %+v, %v", unknown, err)
				}
				base = strings.Replace(base, "https://", "https://ops:changeit@", 1)
			}
			response, err := client.Get(base + path) //nolint:noctx // the client has a limit
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err != nil || response.StatusCode != status || status == 200 && !strings.Contains(path, "live") && !json.Valid(body) {
				t.Errorf("%s%s: %s %s, %v", base, path, response.Status, body, err)
			}
		}
		client.CloseIdleConnections()
	}
	mustAppend(t, n.as(t, ca, "admin:changeit"), "s", event("a"))
}

// TestDiscovery connects by gossip.
func TestDiscovery(t *testing.T) {
	n := serve(t, memory.NewDense())
	mustAppend(t, connect(t, "esdb://"+n.address+","+n.address+"?tls=false"), "s", event("a"))
}
