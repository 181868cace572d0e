package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/postgres"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
)

const secret = "s3cr3t-pa55word"

// TestNoPasswordIsTold opens what cannot be opened, and reads everything that is said about it.
func TestNoPasswordIsTold(t *testing.T) {
	t.Parallel()
	good, err := url.Parse(servicestest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	good.User = url.UserPassword(good.User.Username(), secret)
	for name, bad := range map[string]string{
		"a wrong password":   good.String(),
		"nobody there":       "postgres://u:" + secret + "@127.0.0.1:1/orderflow",
		"no host":            "postgres://u:" + secret + "@no-such-host.invalid/orderflow",
		"no URL":             "postgres://u:" + secret + "@[/orderflow",
		"a port that is not": "postgres://u:" + secret + "@h:port/orderflow",
		"a bad escape":       "postgres://u:" + secret + "%zz@h/orderflow",
		"a bad option":       "postgres://u:" + secret + "@h/orderflow?sslmode=perhaps",
		"no name":            "postgres://u:" + secret + "@127.0.0.1:1/",
		"too long a name":    "postgres://u:" + secret + "@127.0.0.1:1/" + strings.Repeat("n", 60),
		"words":              "user=u password=" + secret + " host=127.0.0.1 port=none dbname=orderflow",
	} {
		t.Run(name, func(t *testing.T) {
			var told bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := postgres.Open(ctx, postgres.Options{URL: bad, Logger: slog.New(slog.NewTextHandler(&told, nil))})
			if err == nil {
				t.Fatal("it was opened")
			}
			if kind := domain.KindOf(err); kind != domain.Invalid && kind != domain.Unavailable {
				t.Errorf("%v is %v", err, kind)
			}
			if all := fmt.Sprintf("%v %+v %#v %s", err, err, err, told.String()); strings.Contains(all, secret) {
				t.Error("the password was told")
			}
		})
	}
}

// TestProcessesStartAtOnce: eight open everything in an empty server at the same time.
func TestProcessesStartAtOnce(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := postgres.Open(t.Context(), postgres.Options{URL: url, Logger: quiet(), MaxConns: 2})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close() //nolint:errcheck // it opened, that is what counts
			v, err := s.Views(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer v.Close() //nolint:errcheck // it opened, that is what counts
			for _, service := range []string{"order", "payment", "shipping"} {
				if _, err := s.Checkpoints(t.Context(), service); err != nil {
					t.Error(err)
				}
			}
			if _, err := s.States(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := s.Leases(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	oneVersionEach(t, url)
}

// TestAUserWhoMayNotCreateDatabases learns which to ask for, and goes on when
// they are there.
func TestAUserWhoMayNotCreateDatabases(t *testing.T) {
	t.Parallel()
	base := servicestest.Postgres(t)
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	admin := adminOf(t, base)
	name := servicestest.Prefix()
	exec(t, admin, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", name, secret))
	t.Cleanup(func() { exec(t, adminOf(t, base), "DROP OWNED BY "+name); exec(t, adminOf(t, base), "DROP ROLE "+name) })
	u.User = url.UserPassword(name, secret)
	_, err = postgres.Open(t.Context(), postgres.Options{URL: u.String(), Logger: quiet()})
	database := strings.TrimPrefix(u.Path, "/") + "_order"
	if domain.KindOf(err) != domain.Unavailable || !strings.Contains(err.Error(), `CREATE DATABASE "`+database+`" OWNER "`+name+`"`) {
		t.Fatalf("the error is %v", err)
	}
	exec(t, admin, fmt.Sprintf(`CREATE DATABASE "%s" OWNER "%s" TEMPLATE template0 ENCODING 'UTF8'`, database, name))
	t.Cleanup(func() { exec(t, adminOf(t, base), "DROP DATABASE \""+database+"\" WITH (FORCE)") })
	s, err := postgres.Open(t.Context(), postgres.Options{URL: u.String(), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // nothing is lost with it
	if _, err := s.Leases(t.Context()); err != nil {
		t.Error(err)
	}
}

func orders(o ...readmodels.Order) projections.Batch {
	return projections.Batch{To: projectionstest.At(1), Rows: readmodels.OrderView.Rows(o...)}
}

// TestBadTextIsInvalid writes what PostgreSQL cannot hold, to a serving version
// and to one being built; nothing of it is there afterwards.
func TestBadTextIsInvalid(t *testing.T) {
	t.Parallel()
	v := fresh(t)
	for _, text := range []string{"a\x00b", "\xff", "\xed\xa0\x80"} {
		bad := orders(readmodels.Order{ID: "good"}, readmodels.Order{ID: "bad", Detail: text})
		live, err := v.Live(t.Context(), groupOf(t, projections.Orders))
		if err != nil {
			t.Fatal(err)
		}
		if err := live.Write(t.Context(), bad); domain.KindOf(err) != domain.Invalid {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := v.Order(t.Context(), "good"); domain.KindOf(err) != domain.NotFound {
			t.Errorf("half of a batch is there: %v", err)
		}
		if _, err := v.Order(t.Context(), domain.OrderID(text)); domain.KindOf(err) != domain.Invalid {
			t.Errorf("a question for %q: %v", text, err)
		}
		b, err := v.Build(t.Context(), groupOf(t, projections.Orders))
		if err != nil {
			t.Fatal(err)
		}
		err = b.Write(t.Context(), bad)
		if err == nil { // it is written while the next batch is folded
			err = b.Promote(t.Context())
		}
		if domain.KindOf(err) != domain.Invalid {
			t.Errorf("%q in a build: %v", text, err)
		}
		if err := b.Discard(t.Context()); err != nil {
			t.Error(err)
		}
	}
	lines := []readmodels.OrderLine{{SKU: "a\x00", Name: "\"\\\u2028\U0001F6D2é\t"}}
	put(t, v, projections.Orders, orders(readmodels.Order{ID: "odd", Customer: "'; DROP\t\U0001F6D2", Lines: lines}).Rows)
	o, err := v.Order(t.Context(), "odd")
	if err != nil || len(o.Lines) != 1 || o.Lines[0] != lines[0] || o.Customer != "'; DROP\t\U0001F6D2" {
		t.Errorf("odd text came back as %+v, %v", o, err)
	}
}

// TestEndedQuestionsAreUnavailable: whatever ends a question, it can be asked again.
func TestEndedQuestionsAreUnavailable(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	s, err := postgres.Open(t.Context(), postgres.Options{URL: url, Logger: quiet(), StatementTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // nothing is lost with it
	c, err := s.Checkpoints(t.Context(), "order")
	if err != nil {
		t.Fatal(err)
	}
	blocker := connect(t, url, "order")
	exec(t, blocker, "BEGIN")
	exec(t, blocker, "LOCK TABLE checkpoints")
	if err := c.SaveCheckpoint(t.Context(), "w", place(1)); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("a statement that takes too long: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.SaveCheckpoint(ctx, "w", place(1)); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("a caller who left: %v", err)
	}
	exec(t, blocker, "ROLLBACK")
	exec(t, blocker, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	deadline := time.Now().Add(patience)
	for { // the first use of a connection that was ended may fail
		err := c.SaveCheckpoint(t.Context(), "w", place(7))
		if err == nil {
			break
		}
		if domain.KindOf(err) != domain.Unavailable || time.Now().After(deadline) {
			t.Fatalf("after the sessions were ended: %v", err)
		}
	}
	if at, err := c.LoadCheckpoint(t.Context(), "w"); err != nil || at != place(7) {
		t.Errorf("at %v, %v", at, err)
	}
}

// TestBuildersOfOtherProcesses: what a dead builder left is dropped, one that
// lives is left alone.
func TestBuildersOfOtherProcesses(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	v := open(t, url)
	g := groupOf(t, projections.Orders)
	alive, err := v.Build(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	dead, err := v.Build(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, url, "order")
	exec(t, c, `SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN versions v ON l.objid = v.id
		WHERE l.locktype = 'advisory' AND v.id = (SELECT max(id) FROM versions) AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	_ = open(t, url)
	if err := alive.Write(t.Context(), orders(readmodels.Order{ID: "a"})); err != nil {
		t.Error(err)
	}
	if err := alive.Promote(t.Context()); err != nil {
		t.Errorf("the builder that lives: %v", err)
	}
	if err := dead.Promote(t.Context()); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("the builder that was cut off: %v", err)
	}
	if err := dead.Discard(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := v.Order(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	oneVersionEach(t, url)
}

// TestABuildThatFellBehindIsRefused until it has what the serving version has.
func TestABuildThatFellBehindIsRefused(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	here, there := open(t, url), open(t, url)
	b, err := here.Build(t.Context(), groupOf(t, projections.Orders))
	if err != nil {
		t.Fatal(err)
	}
	old, err := there.Live(t.Context(), groupOf(t, projections.Orders))
	if err != nil {
		t.Fatal(err)
	}
	put(t, there, projections.Orders, orders(readmodels.Order{ID: "a"}).Rows)
	if err := b.Promote(t.Context()); domain.KindOf(err) != domain.Conflict {
		t.Errorf("a version that is behind: %v", err)
	}
	if err := b.Write(t.Context(), orders(readmodels.Order{ID: "a", Detail: "new"})); err != nil {
		t.Fatal(err)
	}
	kept, err := old.Snapshot(t.Context()) // so that the old version stays for now
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close() //nolint:errcheck // it only read
	if err := b.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := old.Write(t.Context(), projections.Batch{Above: 1, To: projectionstest.At(2)}); domain.KindOf(err) != domain.Conflict {
		t.Errorf("a writer of the old version: %v", err)
	}
	if o, err := there.Order(t.Context(), "a"); err != nil || o.Detail != "new" {
		t.Errorf("the other process reads %+v, %v", o, err)
	}
}

// TestProgramsOfAnotherFoldKeepTheirOwnVersions, until they are used no more.
func TestProgramsOfAnotherFoldKeepTheirOwnVersions(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	v := open(t, url)
	put(t, v, projections.Orders, orders(readmodels.Order{ID: "a"}).Rows)
	c := connect(t, url, "order")
	exec(t, c, "UPDATE versions SET tag = 'orders fold 0'") // an older program made it
	w := open(t, url)
	if _, err := w.Order(t.Context(), "a"); domain.KindOf(err) != domain.NotFound {
		t.Errorf("the new program reads rows of the old one: %v", err)
	}
	live, err := w.Live(t.Context(), groupOf(t, projections.Orders))
	if err != nil {
		t.Fatal(err)
	}
	if at, err := live.Checkpoint(t.Context()); err != nil || at != (eventlog.Checkpoint{}) {
		t.Errorf("the new program begins at %+v, %v", at, err)
	}
	var n int
	if err := c.QueryRow(t.Context(), "SELECT count(*) FROM versions").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d versions, %v", n, err)
	}
	exec(t, c, "UPDATE versions SET used_at = now() - interval '2 hours' WHERE tag = 'orders fold 0'")
	oneVersionEach(t, url)
}

// TestFailuresHaveAKind lets a table fail in every way that callers tell apart.
func TestFailuresHaveAKind(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	c, err := serve(t, url).Checkpoints(t.Context(), "payment")
	if err != nil {
		t.Fatal(err)
	}
	admin := connect(t, url, "payment")
	for state, want := range map[string]domain.Kind{
		"40001": domain.Unavailable, "40P01": domain.Unavailable, "57P01": domain.Unavailable, "53300": domain.Unavailable,
		"53100": domain.ReadOnly, "25006": domain.Unavailable, "22021": domain.Invalid, "22003": domain.Exhausted,
		"23505": domain.Internal, "42703": domain.Internal, "XX000": domain.Internal,
	} {
		exec(t, admin, `CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN RAISE EXCEPTION USING ERRCODE = '`+state+`', MESSAGE = 'made to fail'; END $$;
			CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON checkpoints EXECUTE FUNCTION fail()`)
		if err := c.SaveCheckpoint(t.Context(), "w", place(1)); domain.KindOf(err) != want {
			t.Errorf("%s is %v (%v), not %v", state, domain.KindOf(err), err, want)
		}
	}
}

// TestStatesAreBounded saves more than are kept: the newest ones stay.
func TestStatesAreBounded(t *testing.T) {
	t.Parallel()
	s, err := serve(t, servicestest.Postgres(t)).States(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const saved, kept = 300, 256
	for i := range saved {
		if err := s.SaveSnapshot(t.Context(), eventlog.Stream(fmt.Sprint("stock-", i)), "1", 1, []byte("state")); err != nil {
			t.Fatal(err)
		}
	}
	for i := range saved {
		_, _, ok, err := s.LoadSnapshot(t.Context(), eventlog.Stream(fmt.Sprint("stock-", i)), "1")
		if err != nil || ok != (i >= saved-kept) {
			t.Fatalf("snapshot %d: %t, %v", i, ok, err)
		}
	}
	if err := s.SaveSnapshot(t.Context(), "stock-main", "1", 1, make([]byte, 65<<20)); domain.KindOf(err) != domain.Invalid {
		t.Errorf("a snapshot of 65 MiB: %v", err)
	}
}
