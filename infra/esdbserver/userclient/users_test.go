package userclient_test

import (
	"context"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/infra/esdbserver/userclient"
)

// TestUsers is the life of one user, as its administrator sees it.
func TestUsers(t *testing.T) {
	n := serve(t)
	admin := n.as(t, root)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(admin.Add(t.Context(), userclient.User{Login: "ada", FullName: "Ada", Groups: []string{"$ops"}}, "secret"))
	must(admin.Add(t.Context(), userclient.User{Login: "ada", Groups: []string{"$ops"}}, "secret")) // a repeated request
	if err := admin.Add(t.Context(), userclient.User{Login: "ada"}, "secret"); domain.KindOf(err) != domain.Conflict || !strings.Contains(err.Error(), "$ops") {
		t.Errorf("of no group, and there is one in $ops: %v, want kind conflict", err)
	}
	must(admin.Disable(t.Context(), "ada"))
	if err := admin.Add(t.Context(), userclient.User{Login: "ada", Groups: []string{"$ops"}}, "secret"); domain.KindOf(err) != domain.Conflict || !strings.Contains(err.Error(), "disabled") {
		t.Errorf("a disabled one: %v, want kind conflict", err)
	}
	all, err := admin.List(t.Context())
	if err != nil || len(all) != 3 || all[0].Login != "ada" || all[0].FullName != "Ada" || !all[0].Disabled || all[0].Changed.IsZero() || strings.Join(all[0].Groups, "") != "$ops" {
		t.Errorf("%+v, %v", all, err)
	}
	must(admin.Enable(t.Context(), "ada"))
	must(n.as(t, "ada:secret").SetPassword(t.Context(), "ada", "own"))
	must(admin.SetPassword(t.Context(), "ada", "given"))
	if err := n.as(t, "ada:own").SetPassword(t.Context(), "ada", "again"); domain.KindOf(err) != domain.Invalid {
		t.Errorf("with a password that was replaced: %v", err)
	}
	must(admin.SetPassword(t.Context(), "admin", "new")) // its own: the connection string has the old one
	must(n.as(t, "admin:new").Remove(t.Context(), "ada"))
}

// TestKinds holds what goes wrong to the kinds that decide the exit code.
func TestKinds(t *testing.T) {
	n := serve(t)
	admin := n.as(t, root)
	if err := admin.Add(t.Context(), userclient.User{Login: "ada"}, "secret"); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for what, c := range map[string]struct {
		err  error
		kind domain.Kind
		says string
	}{
		"exists":       {admin.Add(t.Context(), userclient.User{Login: "ada"}, "other"), domain.Conflict, "user list"},
		"missing":      {admin.Disable(t.Context(), "bob"), domain.NotFound, "bob"},
		"not allowed":  {n.as(t, "ada:secret").Remove(t.Context(), "admin"), domain.Rejected, "(ada); name an administrator"},
		"wrong":        {n.as(t, "ada:wrong").Enable(t.Context(), "ada"), domain.Invalid, "refuses the user or password"},
		"bad login":    {admin.Add(t.Context(), userclient.User{Login: "a:b"}, "p"), domain.Invalid, "colon"},
		"unreachable":  {unreachable(t).Enable(t.Context(), "ada"), domain.Unavailable, "127.0.0.1:1"},
		"another host": {n.as(t, root, "127.0.0.1:1").Enable(t.Context(), "ada"), domain.Internal, ""},
	} {
		if c.says == "" {
			if c.err != nil {
				t.Errorf("%s: %v", what, c.err)
			}
			continue
		}
		if domain.KindOf(c.err) != c.kind || !strings.Contains(c.err.Error(), c.says) || strings.Contains(c.err.Error(), "changeit") {
			t.Errorf("%s: kind %s: %v", what, domain.KindOf(c.err), c.err)
		}
	}
	if _, err := admin.List(ended); err == nil {
		t.Error("a question that was given up is answered")
	}
}

func unreachable(t *testing.T) *userclient.Client {
	t.Helper()
	c, err := userclient.Open("esdb://admin:changeit@127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestConnectionStrings refuses what cannot be used and never repeats it.
func TestConnectionStrings(t *testing.T) {
	for _, s := range []string{"", "http://admin:hunter2@h", "esdb://admin:hunter2@h:x", "esdb://admin:hunter2@h?tlsCaFile=/nowhere", "esdb://admin:hunter2@h?userCertFile=/x"} {
		_, err := userclient.Open(s)
		if domain.KindOf(err) != domain.Invalid || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", s, err)
		}
	}
}
