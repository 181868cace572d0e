// Package servicestest gives tests the real servers of a fleet: PostgreSQL,
// Redis and Kafka. `make services` starts them and writes their addresses to
// .services/env at the root of the module; variables of the same names in the
// environment come before that file.
//
// It also finds the programs that check the configuration of a deployment, which
// `make services` installs.
//
// A test that needs a server or a program which is not there fails where CI=true. Elsewhere
// it is skipped, and named in .services/missing, which `make test` reads out at
// its end.
package servicestest

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The variables that say where the servers are.
const (
	PostgresVariable     = "ORDERFLOW_TEST_POSTGRES"      // postgres:// URL of a user who may create databases
	RedisVariable        = "ORDERFLOW_TEST_REDIS"         // redis:// URL
	RedisClusterVariable = "ORDERFLOW_TEST_REDIS_CLUSTER" // host:port of each master, with commas
	KafkaVariable        = "ORDERFLOW_TEST_KAFKA"         // host:port of each broker, with commas
)

// Postgres returns the URL of a fresh, empty database, which is dropped when t
// ends, with the databases whose names begin with its own and an underscore.
func Postgres(t testing.TB) string {
	t.Helper()
	server := require(t, PostgresVariable)
	name := "test_" + strings.ToLower(rand.Text()[:16])
	onServer(t, server, "CREATE DATABASE "+name)
	t.Cleanup(func() {
		for _, database := range onServer(t, server, "SELECT datname FROM pg_database WHERE datname = $1 OR starts_with(datname, $1 || '_')", name) {
			onServer(t, server, "DROP DATABASE IF EXISTS "+database+" WITH (FORCE)")
		}
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s is not a URL", PostgresVariable) // it may hold a password
	}
	u.Path = "/" + name
	return u.String()
}

// onServer runs a statement and returns its rows of one text each.
func onServer(t testing.TB, server, statement string, args ...any) (texts []string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	c, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx) //nolint:errcheck // nothing is lost with it
	rows, err := c.Query(ctx, statement, args...)
	if err == nil {
		texts, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// Redis returns the URL of a server that other tests use too: give every key a
// prefix from [Prefix].
func Redis(t testing.TB) string {
	t.Helper()
	return require(t, RedisVariable)
}

// RedisCluster returns the addresses of a cluster's masters. Other tests use it too.
func RedisCluster(t testing.TB) []string {
	t.Helper()
	return strings.Split(require(t, RedisClusterVariable), ",")
}

// Kafka returns the addresses of brokers that other tests use too: give every
// topic and group a prefix from [Prefix].
func Kafka(t testing.TB) []string {
	t.Helper()
	return strings.Split(require(t, KafkaVariable), ",")
}

// Program returns where a program is: on the PATH, or where Debian puts servers.
func Program(t testing.TB, name string) string {
	t.Helper()
	for _, where := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if path, err := exec.LookPath(where); err == nil {
			return path
		}
	}
	absent(t, "the program "+name+" is not installed: `make services` installs it")
	return ""
}

// Prefix returns a name that no other test has.
func Prefix() string { return "t" + strings.ToLower(rand.Text()[:12]) }

// require returns a variable, or ends the test as the package says.
func require(t testing.TB, variable string) string {
	t.Helper()
	root := moduleRoot(t)
	value := os.Getenv(variable)
	if value == "" {
		value = written(filepath.Join(root, ".services", "env"), variable)
	}
	if value != "" {
		return value
	}
	absent(t, variable+" is not set and no server is running: `make services` starts it")
	return ""
}

// absent ends a test for want of something.
func absent(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	note(t, filepath.Join(moduleRoot(t), ".services", "missing"))
	t.Skip(why)
}

// written looks a variable up in a file of NAME=value lines.
func written(file, variable string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // it was only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), variable+"="); ok {
			return strings.Trim(value, `"'`)
		}
	}
	return ""
}

// note names a test that could not run, for the last line of `make test`.
func note(t testing.TB, file string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // the write below tells
	if _, err := fmt.Fprintln(f, t.Name()); err != nil {
		t.Fatal(err)
	}
}

func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}
