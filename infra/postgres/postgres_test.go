package postgres_test

import (
	"context"
	"log/slog"
	neturl "net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/postgres"
	"orderflow/projections"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// serve opens the server of a URL until t ends.
func serve(t testing.TB, url string) *postgres.Server {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Options{URL: url, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// open opens views as one process of a fleet does.
func open(t testing.TB, url string) *postgres.Views {
	t.Helper()
	v, err := serve(t, url).Views(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

// proxied returns a proxy to the server of a URL, and the URL that leads through it.
func proxied(t testing.TB, url string) (p *servicestest.Proxy, through string) {
	t.Helper()
	u, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	p = servicestest.NewProxy(t, u.Host)
	u.Host = p.Address()
	return p, u.String()
}

func fresh(t testing.TB) *postgres.Views {
	t.Helper()
	return open(t, servicestest.Postgres(t))
}

// cleared returns a function that opens views which are empty once more: making
// databases takes a server longer than all that is asked of them here.
func cleared(t *testing.T) func(t *testing.T) *postgres.Views {
	t.Helper()
	url := servicestest.Postgres(t)
	first := open(t, url)
	return func(t *testing.T) *postgres.Views {
		t.Helper()
		if first != nil {
			defer func() { first = nil }()
			return first
		}
		for _, service := range []string{"order", "inventory"} {
			c := connect(t, url, service)
			exec(t, c, `DO $$
				DECLARE s text;
				BEGIN
					FOR s IN SELECT nspname FROM pg_namespace WHERE nspname ~ '^(orders|stock|products)_' LOOP
						EXECUTE format('DROP SCHEMA %I CASCADE', s);
					END LOOP;
					DELETE FROM versions;
				END $$`)
		}
		return open(t, url)
	}
}

// connect opens a connection to a service's database until t ends.
func connect(t testing.TB, base, service string) *pgx.Conn {
	t.Helper()
	return dial(t, base, "_"+service)
}

// adminOf opens a connection to the base database until t ends.
func adminOf(t testing.TB, base string) *pgx.Conn {
	t.Helper()
	return dial(t, base, "")
}

func dial(t testing.TB, base, suffix string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(base)
	if err != nil {
		t.Fatal(err)
	}
	config.Database += suffix
	ctx := context.WithoutCancel(t.Context()) // a cleanup may ask
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) }) // it may have been ended by the test
	return c
}

func exec(t testing.TB, c *pgx.Conn, statement string) {
	t.Helper()
	if _, err := c.Exec(context.WithoutCancel(t.Context()), statement); err != nil {
		t.Fatal(err)
	}
}

func groupOf(t testing.TB, name string) projections.Group {
	t.Helper()
	g, err := projections.GroupOf(name)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
