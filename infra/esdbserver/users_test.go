package esdbserver_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/userspb"
	"orderflow/infra/memory"
)

// TestUsersComeAndGo follows one user through its life, by what it may do.
func TestUsersComeAndGo(t *testing.T) {
	n, ca := secure(t)
	s := n.services(t)
	mustAppend(t, n.as(t, ca, root), "open", event("a"))
	may := func(password string) bool {
		t.Helper()
		_, err := readAllOf(t, n.as(t, ca, "ada:"+password), "open")
		if err != nil && codeOf(err) != esdb.ErrorCodeUnauthenticated {
			t.Fatal(err)
		}
		return err == nil
	}
	is := func(password string, want bool) {
		t.Helper()
		for range 2 { // the second time it may be remembered
			if may(password) != want {
				t.Errorf("with password %q ada may: %v", password, !want)
			}
		}
	}
	do := func(name string) {
		t.Helper()
		if err := s.changes()[name](by(t, root), "ada"); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	is("secret", false)
	s.person(t, "ada", "g", "h")
	is("secret", true)
	is("other", false)
	got, err := s.details(by(t, "ada:secret"), "ada")
	if err != nil || len(got) != 1 || got[0].GetFullName() != "Full ada" || strings.Join(got[0].GetGroups(), " ") != "g h" || got[0].GetDisabled() || got[0].GetLastUpdated().GetTicksSinceEpoch() <= 0 {
		t.Errorf("ada is %v, %v", got, err)
	}
	do("disable")
	do("disable") // it changes nothing
	is("secret", false)
	do("enable")
	do("enable")
	is("secret", true)
	do("reset password")
	is("secret", false)
	is("other", true)
	do("update")
	is("other", true)
	if got, err = s.details(by(t, root), "ada"); err != nil || len(got) != 1 || got[0].GetFullName() != "New" || strings.Join(got[0].GetGroups(), " ") != "g" {
		t.Errorf("ada is %v, %v", got, err)
	}
	do("delete")
	is("other", false)
	s.person(t, "ada")
	is("secret", true)
	is("other", false)
	if err := s.changes()["change password"](by(t, "ada:secret"), "ada"); err != nil {
		t.Error(err)
	}
	is("other", true)
	is("secret", false)
}

// TestWhoMayChangeUsers asks as nobody, with passwords that are wrong, as users
// of several groups, and about oneself.
func TestWhoMayChangeUsers(t *testing.T) {
	n, _ := secure(t)
	s := n.services(t)
	s.person(t, "ada")
	s.person(t, "bob", "$ops", "g")
	s.person(t, "root2", "$admins")
	for name, do := range s.changes() {
		for who, want := range map[string]codes.Code{
			"": codes.PermissionDenied, "ada:wrong": codes.Unauthenticated, "nobody:secret": codes.Unauthenticated, "admin:wrong": codes.Unauthenticated,
			"ada:secret": codes.PermissionDenied, "bob:secret": codes.PermissionDenied, "ops:changeit": codes.PermissionDenied,
		} {
			for _, login := range []string{"target", "admin", "missing"} {
				var trailers metadata.MD
				err := do(by(t, who), login, grpc.Trailer(&trailers))
				if status.Code(err) != want {
					t.Errorf("%s of %s by %q: %v", name, login, who, err)
				}
				if want == codes.PermissionDenied {
					refused(t, name+" by "+who, err, trailers, want, "access-denied")
				}
			}
		}
		s.person(t, "target-"+strings.ReplaceAll(name, " ", "-"))
		if name != "create" {
			if err := do(by(t, "root2:secret"), "target-"+strings.ReplaceAll(name, " ", "-")); err != nil {
				t.Errorf("%s by an administrator: %v", name, err)
			}
		}
	}
	for _, c := range []struct {
		who, login string
		want       codes.Code
	}{
		{"ada:secret", "ada", codes.OK},
		{"ada:secret", "bob", codes.PermissionDenied},
		{"ada:secret", "missing", codes.PermissionDenied}, // nor learns who there is
		{"ada:secret", "", codes.PermissionDenied},
		{"bob:secret", "ada", codes.PermissionDenied},
		{"", "ada", codes.PermissionDenied},
		{"", "", codes.PermissionDenied},
		{root, "ada", codes.OK},
		{root, "", codes.OK},
	} {
		if _, err := s.details(by(t, c.who), c.login); status.Code(err) != c.want {
			t.Errorf("%q reads about %q: %v", c.who, c.login, err)
		}
	}
}

// TestUsersThatCannotBe holds the errors to what clients of EventStoreDB go by.
func TestUsersThatCannotBe(t *testing.T) {
	n, _ := secure(t)
	s := n.services(t)
	s.person(t, "ada")
	s.person(t, "ada") // the same request again
	var trailers metadata.MD
	err := s.changes()["create"](by(t, root), "ada", grpc.Trailer(&trailers)) // with another password
	refused(t, "a user that exists", err, trailers, codes.FailedPrecondition, "user-conflict", "login-name", "ada")
	for name, do := range s.changes() {
		if name == "create" {
			continue
		}
		err := do(by(t, root), "missing", grpc.Trailer(&trailers))
		refused(t, name, err, trailers, codes.NotFound, "user-not-found", "login-name", "missing")
	}
	_, err = s.details(by(t, root), "missing", grpc.Trailer(&trailers))
	refused(t, "details", err, trailers, codes.NotFound, "user-not-found")
	if err := s.changes()["delete"](by(t, root), "ada"); err != nil {
		t.Fatal(err)
	}
	err = s.changes()["delete"](by(t, root), "ada", grpc.Trailer(&trailers))
	refused(t, "deleted twice", err, trailers, codes.NotFound, "user-not-found")
	s.person(t, "ada")
	_, err = s.users.ChangePassword(by(t, root), &userspb.ChangePasswordReq{Options: &userspb.ChangePasswordReq_Options{
		LoginName: "ada", CurrentPassword: "wrong", NewPassword: "other",
	}}, grpc.Trailer(&trailers))
	refused(t, "a wrong password", err, trailers, codes.PermissionDenied, "access-denied")

	long := strings.Repeat("x", 2_000)
	for what, o := range map[string]*userspb.CreateReq_Options{
		"no options": nil, "no login": {Password: "p"}, "a long login": {LoginName: long, Password: "p"},
		"a login with a colon": {LoginName: "a:b", Password: "p"}, "a login with a newline": {LoginName: "a\nb", Password: "p"},
		"no password": {LoginName: "c"}, "a long password": {LoginName: "c", Password: long},
		"a long name": {LoginName: "c", Password: "p", FullName: long}, "a long group": {LoginName: "c", Password: "p", Groups: []string{long}},
		"an empty group": {LoginName: "c", Password: "p", Groups: []string{""}}, "many groups": {LoginName: "c", Password: "p", Groups: strings.Split(strings.Repeat("g,", 80)+"g", ",")},
	} {
		if _, err := s.users.Create(by(t, root), &userspb.CreateReq{Options: o}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestUsersAreListed finds each once, by login, and those that were deleted not at all.
func TestUsersAreListed(t *testing.T) {
	n, _ := secure(t)
	s := n.services(t)
	for _, login := range []string{"zoe", "ada", "eve", "ada"} {
		s.person(t, login, "g")
	}
	for _, name := range []string{"delete", "disable"} {
		if err := s.changes()[name](by(t, root), map[string]string{"delete": "eve", "disable": "zoe"}[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.changes()["delete"](by(t, root), "ada"); err != nil {
		t.Fatal(err)
	}
	s.person(t, "ada", "h") // it is in the stream of users twice
	got, err := s.details(by(t, root), "")
	var said []string
	for _, d := range got {
		one := d.GetLoginName() + ":" + strings.Join(d.GetGroups(), ",")
		if d.GetDisabled() {
			one += ":disabled"
		}
		said = append(said, one)
	}
	if list := strings.Join(said, " "); err != nil || list != "ada:h admin:$admins ops:$ops zoe:g:disabled" {
		t.Errorf("%s, %v", list, err)
	}
}

// TestUsersChangeTogether has a user changed by many at once: whoever is too
// late is told, and nothing is half done.
func TestUsersChangeTogether(t *testing.T) {
	n, _ := secure(t)
	s := n.services(t)
	var wg sync.WaitGroup
	const callers = 16
	errs := make([]error, callers)
	for i := range callers {
		wg.Go(func() {
			_, errs[i] = s.users.Create(by(t, root), &userspb.CreateReq{Options: &userspb.CreateReq_Options{LoginName: "ada", Password: strings.Repeat("p", i+1)}})
		})
	}
	wg.Wait()
	made := 0
	for i, err := range errs {
		switch status.Code(err) {
		case codes.OK:
			made++
			if _, err := s.details(by(t, "ada:"+strings.Repeat("p", i+1)), "ada"); err != nil {
				t.Errorf("the password of who made the user: %v", err)
			}
		case codes.FailedPrecondition:
		default:
			t.Errorf("%v", err)
		}
	}
	if made != 1 {
		t.Errorf("the user was made %d times", made)
	}
}

// TestUsersAreStoredAsElsewhere reads what a real server would look for.
func TestUsersAreStoredAsElsewhere(t *testing.T) {
	n, ca := secure(t)
	s := n.services(t)
	s.person(t, "ada")
	if err := s.changes()["disable"](by(t, root), "ada"); err != nil {
		t.Fatal(err)
	}
	admin := n.as(t, ca, root)
	stored, err := readAllOf(t, admin, "$user-ada")
	if err != nil || len(stored) != 2 || stored[0].Event.EventType != "$UserCreated" || stored[1].Event.EventType != "$UserUpdated" ||
		!strings.Contains(string(stored[1].Event.Data), `"disabled":true`) || !strings.Contains(string(stored[1].Event.Data), `"groups":[]`) {
		t.Errorf("%+v, %v", stored, err)
	}
	told, err := readAllOf(t, admin, "$users-password-notifications")
	if err != nil || len(told) != 1 || told[0].Event.EventType != "$PasswordChanged" || string(told[0].Event.Data) != `{"loginName":"ada"}` {
		t.Errorf("%+v, %v", told, err)
	}
	if m, err := n.Engine().Metadata(ctx(t), "$users-password-notifications"); err != nil || m.MaxAge.Hours() != 1 {
		t.Errorf("it is kept %+v, %v", m, err)
	}
	if m, err := n.Engine().Metadata(ctx(t), "$user-ada"); err != nil || m.ACL == nil || strings.Join(m.ACL.Write, "") != "$admins" {
		t.Errorf("rights %+v, %v", m, err)
	}
	if err := s.changes()["delete"](by(t, root), "ada"); err != nil {
		t.Fatal(err)
	}
	s.person(t, "ada")
	if m, err := n.Engine().Metadata(ctx(t), "$user-ada"); err != nil || m.ACL == nil || m.TruncateBefore != 2 {
		t.Errorf("of the next one %+v, %v", m, err)
	}
	if _, err := n.Engine().Tombstone(ctx(t), "$user-ada", engine.Any); err != nil {
		t.Fatal(err)
	}
	if _, err := s.users.Create(by(t, root), &userspb.CreateReq{Options: &userspb.CreateReq_Options{LoginName: "ada", Password: "p"}}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("a user whose stream was ended for ever: %v", err)
	}
}

// TestLastingSubscriptions says that who calls is found out when a call begins:
// a subscription outlives its user, as on a real server, and no new one begins.
func TestLastingSubscriptions(t *testing.T) {
	n, ca := secure(t)
	s := n.services(t)
	s.person(t, "ada")
	ada, admin := n.as(t, ca, "ada:secret"), n.as(t, ca, root)
	mustAppend(t, admin, "open", event("a"))
	sub, err := ada.SubscribeToStream(ctx(t), "open", esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close() //nolint:errcheck // it is only read
	next := func() {
		t.Helper()
		for {
			e := sub.Recv()
			if e.SubscriptionDropped != nil {
				t.Fatalf("it ended: %v", e.SubscriptionDropped.Error)
			}
			if e.EventAppeared != nil {
				return
			}
		}
	}
	next()
	if err := s.changes()["disable"](by(t, root), "ada"); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, admin, "open", event("b"))
	next()
	if _, err := ada.SubscribeToStream(ctx(t), "open", esdb.SubscribeToStreamOptions{}); codeOf(err) != esdb.ErrorCodeUnauthenticated {
		t.Errorf("a subscription of a disabled user: %v", err)
	}
}

// TestPasswordsCostTheSame counts what takes the time of a call: a hash for
// whatever is refused, so that nobody learns by a clock which logins there are,
// and none for a password that was found right, until its user is changed.
func TestPasswordsCostTheSame(t *testing.T) {
	n, _ := secure(t)
	s := n.services(t)
	s.person(t, "ada")
	s.person(t, "bob")
	if err := s.changes()["disable"](by(t, root), "bob"); err != nil {
		t.Fatal(err)
	}
	costs := func(who string) uint64 {
		before := n.PasswordsHashed()
		_, _ = s.details(by(t, who), "ada")
		return n.PasswordsHashed() - before
	}
	for who, want := range map[string]uint64{
		"nobody:secret": 1, "ada:wrong": 1, "bob:secret": 1, "bob:wrong": 1, ":secret": 1, "ops:wrong": 1,
		strings.Repeat("x", 1_000) + ":secret": 1, "ada:" + strings.Repeat("x", 2_000): 1, root: 0,
	} {
		for range 2 {
			if got := costs(who); got != want {
				t.Errorf("%.20q costs %d hashes, not %d", who, got, want)
			}
		}
	}
	for _, change := range []string{"", "update", "disable", "enable"} {
		if change != "" {
			if err := s.changes()[change](by(t, root), "ada"); err != nil {
				t.Fatal(err)
			}
		}
		first, second := costs("ada:secret"), costs("ada:secret")
		if disabled := change == "disable"; first != 1 || (second == 1) != disabled {
			t.Errorf("after %q ada costs %d and %d hashes", change, first, second)
		}
	}
	if costs("ada:wrong") != 1 || costs("ada:secret") != 0 {
		t.Error("a wrong password ends the memory of the right one, or costs less")
	}
}

// TestTheCallsOfTheUsersService are the eight of the protocol; a ninth, which the
// code of one client names, is not there, as on a real server.
func TestTheCallsOfTheUsersService(t *testing.T) {
	n := serve(t, memory.NewDense())
	want := []string{"ChangePassword", "Create", "Delete", "Details", "Disable", "Enable", "ResetPassword", "Update"}
	var have []string
	for _, m := range userspb.Users_ServiceDesc.Methods {
		have = append(have, m.MethodName)
	}
	for _, s := range userspb.Users_ServiceDesc.Streams {
		have = append(have, s.StreamName)
	}
	slices.Sort(have)
	if !slices.Equal(have, want) {
		t.Errorf("the calls are %q, want %q", have, want)
	}
	conn := n.dial(t)
	for _, call := range append(want, "Current") {
		err := conn.Invoke(ctx(t), "/event_store.client.users.Users/"+call, &userspb.DetailsReq{}, &userspb.DetailsResp{})
		if missing := status.Code(err) == codes.Unimplemented; missing != (call == "Current") {
			t.Errorf("%s is answered with %v", call, err)
		}
	}
}
