package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"orderflow/infra/esdbserver/conformance"
	"orderflow/infra/esdbserver/userclient"
)

const (
	firstPassword = "changeit"
	userPassword  = "s3cret"
	// refusedWithin is how long an import may take to end once its user is
	// refused: 5 s of patience, and what a slow machine needs.
	refusedWithin = time.Minute
	// refusedTries bounds how often an import is begun that is to be disturbed in
	// its middle, and was faster.
	refusedTries = 5
)

// secured is a node with TLS in a process of its own, and those who use it.
type secured struct {
	*store
	binary program
}

// startSecured starts a node that has the users of the first start only.
func startSecured(t *testing.T, binary program) *secured {
	t.Helper()
	s := &store{binary: binary.path, data: t.TempDir(), address: "127.0.0.1:0", certificates: t.TempDir()}
	if err := conformance.WriteCertificates(s.certificates, time.Now()); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	t.Cleanup(s.kill)
	return &secured{s, binary}
}

// as returns the connection string of a user.
func (s *secured) as(login, password string) string {
	return fmt.Sprintf("esdb://%s:%s@%s?tls=true&tlsCaFile=%s", login, password, s.address, filepath.Join(s.certificates, "ca", "ca.crt"))
}

// guide returns the commands of docs/eventstoredb.md that give orderflow its user,
// and the connection string that it has then, with the places of this node.
func (s *secured) guide(t *testing.T) (steps, connection string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "eventstoredb.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## The user that orderflow needs\n")
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section, 2)
	if len(blocks) != 2 || !strings.Contains(blocks[0][1], "user add orderflow") || !strings.Contains(blocks[0][1], "user grant orderflow") {
		t.Fatalf("the guide does not begin with the two steps: %q", blocks)
	}
	places := strings.NewReplacer("PASSWORD@", firstPassword+"@", "=SECRET", "="+userPassword, ":SECRET@", ":"+userPassword+"@",
		"HOST:2113", s.address, "ca.crt", filepath.Join(s.certificates, "ca", "ca.crt"))
	export := regexp.MustCompile(`(?m)^export ORDERFLOW_EVENTSTORE='(.*)'$`).FindStringSubmatch(places.Replace(blocks[1][1]))
	if export == nil {
		t.Fatalf("the guide does not say with which connection string orderflow is started: %s", blocks[1][1])
	}
	return places.Replace(blocks[0][1]), export[1]
}

// types has a shell run commands, in which orderflow is the binary.
func (s *secured) types(t *testing.T, commands string, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", commands)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(s.binary.path)+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Env = append(cmd.Env, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", commands, err, out)
	}
}

// mends types a command for users as the administrator; a password that it sets is userPassword.
func (s *secured) mends(t *testing.T, command string) {
	t.Helper()
	s.types(t, command, "ORDERFLOW_EVENTSTORE_ADMIN="+s.as("admin", firstPassword), "ORDERFLOW_EVENTSTORE_USER_PASSWORD="+userPassword)
}

// on returns a fresh data directory whose log is there for a user.
func (s *secured) on(t *testing.T, connection string) program {
	t.Helper()
	of := *s.store
	of.connection = connection
	return s.binary.on(t.TempDir()).with(&of)
}

// importAsAUser imports the sample, with enough stock and with too little, as the
// user of no group that the guide makes.
func importAsAUser(t *testing.T, binary program) {
	t.Run("sample", func(t *testing.T) { asAUser(t, binary, sampleFile, 0) })
	t.Run("sample runs short", func(t *testing.T) { asAUser(t, binary, sampleFile, scarce) })
}

// asAUser makes the user as the guide says, imports a file as that user, and
// holds all that came of it against the oracle. A second run changes nothing.
func asAUser(t *testing.T, binary program, file string, stock int64) {
	s := startSecured(t, binary)
	steps, connection := s.guide(t)
	s.types(t, steps)
	s.isOfNoGroup(t, "orderflow")
	n, want := s.on(t, connection), compute(t, file, stock)
	got, times := n.runImport(t, file, asFlag(stock))
	if !reflect.DeepEqual(got, want.printed(t)) {
		t.Fatalf("the import says\n%+v, the file\n%+v", got, want.printed(t))
	}
	t.Logf("%d orders in %.1f s: %.0f orders/s", got.OrdersPlaced, times.Elapsed, times.Rate)
	agreesEverywhere(t, n, want)
	events := checkLog(t, n)
	if again, _ := n.runImport(t, file, asFlag(stock)); !reflect.DeepEqual(again, got) {
		t.Errorf("the second run says\n%+v, the first\n%+v", again, got)
	}
	if after := checkLog(t, n); after != events {
		t.Errorf("the second run took the log from %d to %d events", events, after)
	}
}

// isOfNoGroup demands that a user is in none, and has no right but what the guide gives.
func (s *secured) isOfNoGroup(t *testing.T, login string) {
	t.Helper()
	users, err := s.admin(t).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range users {
		if u.Login == login {
			if len(u.Groups) > 0 || u.Disabled {
				t.Errorf("%+v", u)
			}
			return
		}
	}
	t.Errorf("there is no user %s: %v", login, users)
}

func (s *secured) admin(t *testing.T) *userclient.Client {
	t.Helper()
	c, err := userclient.Open(s.as("admin", firstPassword))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// importIsRefused imports as a user who lacks something, from the start and from
// the middle on. Each time the import ends with code 5 and says who lacks what,
// and which command mends it; after that command it ends with the file's figures.
func importIsRefused(t *testing.T, binary program) {
	want := compute(t, sampleFile, 0)
	t.Run("from the start", func(t *testing.T) { refusedFromTheStart(t, binary, want) })
	middles := []middle{
		{"another password", func(t *testing.T, s *secured) error {
			return s.admin(t).SetPassword(t.Context(), "orderflow", "other")
		}, "orderflow eventstore user passwd orderflow", cannotLogIn},
		{"disabled", func(t *testing.T, s *secured) error { return s.admin(t).Disable(t.Context(), "orderflow") }, "orderflow eventstore user enable orderflow", cannotLogIn},
		{"deleted", func(t *testing.T, s *secured) error { return s.admin(t).Remove(t.Context(), "orderflow") }, "orderflow eventstore user add orderflow --reads-all", cannotLogIn},
	}
	for _, m := range middles[:inShort(t, len(middles), 1)] {
		t.Run("in the middle: "+m.what, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			refusedInTheMiddle(t, binary, m, want)
		})
	}
}

const (
	cannotLogIn = "The user orderflow cannot log in"
	lacksRight  = "The user orderflow lacks the right to read $all"
)

// refusedFromTheStart takes one thing after the other from the user, between two
// runs, and gives it back with the command that the message names.
func refusedFromTheStart(t *testing.T, binary program, want figures) {
	s := startSecured(t, binary)
	n := s.on(t, s.as("orderflow", userPassword))
	for _, c := range []struct{ what, before, says, mends string }{
		{"no such user", "", cannotLogIn, "orderflow eventstore user add orderflow --reads-all"},
		{"without the right", "orderflow eventstore user revoke orderflow", lacksRight, "orderflow eventstore user grant orderflow"},
		{"disabled", "orderflow eventstore user disable orderflow", cannotLogIn, "orderflow eventstore user enable orderflow"},
		{"another password between two runs", "echo other | env -u ORDERFLOW_EVENTSTORE_USER_PASSWORD orderflow eventstore user passwd orderflow", cannotLogIn, "orderflow eventstore user passwd orderflow"},
	} {
		if c.before != "" {
			s.mends(t, c.before)
		}
		events := s.events(t)
		r := n.begin(t, 0)
		if !r.ended(refusedWithin) {
			r.kill()
			t.Fatalf("%s: the import does not end", c.what)
		}
		r.wasRefused(t, c.what, c.says, c.mends)
		if after := s.events(t); after != events {
			t.Errorf("%s: the log went from %d to %d events", c.what, events, after)
		}
		s.mends(t, c.mends)
		if got, _ := n.runImport(t, sampleFile, asFlag(0)); !reflect.DeepEqual(got, want.printed(t)) {
			t.Fatalf("%s: after %s it says\n%+v, the file\n%+v", c.what, c.mends, got, want.printed(t))
		}
	}
	wrong := s.on(t, s.as("orderflow", "wrong"))
	r := wrong.begin(t, 0)
	if !r.ended(refusedWithin) {
		r.kill()
		t.Fatal("with a wrong password the import does not end")
	}
	r.wasRefused(t, "wrong password", cannotLogIn, "orderflow eventstore user passwd orderflow")
	agreesEverywhere(t, n, want)
	checkLog(t, n)
}

// middle is what befalls the user of an import that is half done.
type middle struct {
	what  string
	do    func(*testing.T, *secured) error
	mends string
	says  string
}

// refusedInTheMiddle has it happen when the providers were asked for some orders
// and not for all, and runs the import again after it was mended.
func refusedInTheMiddle(t *testing.T, binary program, m middle, want figures) {
	for try := range refusedTries {
		s := startSecured(t, binary)
		s.mends(t, "orderflow eventstore user add orderflow --reads-all")
		n := s.on(t, s.as("orderflow", userPassword))
		r := n.begin(t, 0)
		if !r.reaches(n, 2*want.confirmed/8) {
			t.Logf("try %d: the import had ended", try)
			continue
		}
		if err := m.do(t, s); err != nil {
			t.Fatal(err)
		}
		if !r.ended(refusedWithin) {
			r.kill()
			t.Fatal("the import goes on, and its user is refused")
		}
		if r.err == nil {
			t.Logf("try %d: the import was done before", try)
			continue
		}
		r.wasRefused(t, m.what, m.says, m.mends)
		if !n.halfway(want) {
			t.Errorf("%d calls of the providers are no middle", ledgerLines(n))
		}
		s.mends(t, m.mends)
		if got, _ := n.runImport(t, sampleFile, asFlag(0)); !reflect.DeepEqual(got, want.printed(t)) {
			t.Errorf("after it was mended it says\n%+v, the file\n%+v", got, want.printed(t))
		}
		agreesWithKills(t, n, want)
		return
	}
	t.Errorf("in %d tries the import was always faster", refusedTries)
}

// wasRefused demands an import that ended because of its user: the code, who
// lacks what, the command, and no password.
func (r *running) wasRefused(t *testing.T, what, says, mends string) {
	t.Helper()
	text := r.said.String()
	if code := r.cmd.ProcessState.ExitCode(); code != 5 {
		t.Errorf("%s: the import ends with %d and says\n%s", what, code, text)
	}
	last := text[strings.LastIndex(strings.TrimSpace(text), "\n")+1:]
	if !strings.HasPrefix(last, "orderflow: ") || !strings.Contains(last, says) || !strings.Contains(last, "`"+mends+"`") {
		t.Errorf("%s: the import says %s, want %q and %q", what, last, says, mends)
	}
	for _, secret := range []string{userPassword, firstPassword} {
		if strings.Contains(text, secret) {
			t.Errorf("%s: the password is told: %s", what, text)
		}
	}
}

// events counts what stands in $all, as the administrator.
func (s *secured) events(t *testing.T) int64 {
	t.Helper()
	var r replayed
	s.on(t, s.as("admin", firstPassword)).ask(t, &r, "audit", "replay")
	return r.Events
}
