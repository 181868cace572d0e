package deploy_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"orderflow/infra/deploy/servicestest"
)

// scripted is services.sh with a folder of the test's own.
type scripted struct {
	t   *testing.T
	dir string
}

// own makes a folder for servers that end with t.
func own(t *testing.T) scripted {
	t.Helper()
	servicestest.Program(t, "redis-server") // with containers there are no processes to kill
	servicestest.Program(t, "java")
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil { //nolint:gosec // PostgreSQL has a user of its own, who must pass
		t.Fatal(err)
	}
	s := scripted{t, filepath.Join(dir, "services")}
	t.Cleanup(func() {
		if said, err := s.command("stop").CombinedOutput(); err != nil {
			t.Errorf("stop: %v\n%s", err, said)
		}
	})
	return s
}

// command is one call, with nothing of the surroundings that says where servers are.
func (s scripted) command(name string, args ...string) *exec.Cmd {
	args = append([]string{name, "--dir", s.dir}, args...)
	if name == "restart" {
		args = []string{name, args[3], "--dir", s.dir}
	}
	c := exec.Command("./services.sh", args...) //nolint:noctx // stop must run when the test is over
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ORDERFLOW_TEST_") && !strings.HasPrefix(v, "CI=") {
			c.Env = append(c.Env, v)
		}
	}
	c.Env = append(c.Env, "ORDERFLOW_SERVICES=packages")
	return c
}

func (s scripted) must(name string, args ...string) string {
	s.t.Helper()
	said, err := s.command(name, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("services.sh %s: %v\n%s", name, err, said)
	}
	return string(said)
}

// addresses returns what DIR/env says.
func (s scripted) addresses() map[string]string {
	s.t.Helper()
	env := map[string]string{}
	for line := range strings.Lines(read(s.t, filepath.Join(s.dir, "env"))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	return env
}

// pids of all servers, by the file that says so.
func (s scripted) pids() map[string]int {
	s.t.Helper()
	found := map[string]int{}
	for _, name := range []string{"postgres/data/postmaster.pid", "redis/pid", "cluster/node-1/pid", "cluster/node-2/pid", "cluster/node-3/pid", "kafka/pid"} {
		first, _, _ := strings.Cut(read(s.t, filepath.Join(s.dir, name)), "\n")
		pid, err := strconv.Atoi(strings.TrimSpace(first))
		if err != nil {
			s.t.Fatal(err)
		}
		found[name] = pid
	}
	return found
}

// TestServersStartStayAndComeBack is the life of one folder of servers.
func TestServersStartStayAndComeBack(t *testing.T) {
	s := own(t)
	s.must("start")
	env, first := s.addresses(), s.pids()
	s.allAnswer()
	s.sql("CREATE TABLE kept AS SELECT 42 AS answer")
	s.redis(env[servicestest.RedisVariable], "SET kept 42", "+OK")

	started := time.Now()
	s.must("start")
	if now := s.pids(); fmt.Sprint(now) != fmt.Sprint(first) || time.Since(started) > 10*time.Second {
		t.Errorf("a second start: %v, then %v, after %v", first, now, time.Since(started))
	}

	// Two are killed. The number of a third one, which was told to end, has gone
	// to somebody else: us.
	for _, name := range []string{"postgres/data/postmaster.pid", "cluster/node-2/pid"} {
		if err := syscall.Kill(first[name], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	s.must("restart", "redis")
	s.redis(env[servicestest.RedisVariable], "GET kept", "$2\r\n42")
	ended(t, s.pids()["redis/pid"])
	if err := os.WriteFile(filepath.Join(s.dir, "redis/pid"), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := s.must("status"); strings.Count(said, "does not run") != 3 {
		t.Errorf("three are gone: %s", said)
	}
	s.must("start")
	if now := s.addresses(); fmt.Sprint(now) != fmt.Sprint(env) {
		t.Errorf("the addresses changed from %v to %v", env, now)
	}
	s.allAnswer()
	if got := s.sql("SELECT answer FROM kept"); got != "42" {
		t.Errorf("PostgreSQL kept %q", got)
	}

	s.must("restart", "kafka")
	if now := s.pids(); now["kafka/pid"] == first["kafka/pid"] || fmt.Sprint(s.addresses()) != fmt.Sprint(env) {
		t.Errorf("kafka began anew as %d, at %v", now["kafka/pid"], s.addresses())
	}
	s.must("stop")
	for variable, address := range env {
		if c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", hostPort(address)); err == nil {
			_ = c.Close()
			t.Errorf("%s still answers", variable)
		}
	}
}

// TestWithStopsWhatItStarted runs commands among servers.
func TestWithStopsWhatItStarted(t *testing.T) {
	s := own(t)
	c := s.command("with", "bash", "-c", `printf 'TestB\nTestA\nTestB\n' >"`+s.dir+`/missing"; echo "at $ORDERFLOW_TEST_KAFKA"; exit 7`)
	said, err := c.CombinedOutput()
	if c.ProcessState.ExitCode() != 7 {
		t.Errorf("the command's code is lost: %v\n%s", err, said)
	}
	if text := string(said); !strings.Contains(text, "at 127.0.0.1:") || !strings.Contains(text, "NOT TRIED") || !strings.Contains(text, "TestA TestB") {
		t.Errorf("it says\n%s", text)
	}
	if status := s.must("status"); strings.Count(status, "does not run") != 4 {
		t.Errorf("it left running\n%s", status)
	}

	s.must("start")
	before := s.pids()
	s.must("with", "true")
	if now := s.pids(); fmt.Sprint(now) != fmt.Sprint(before) {
		t.Errorf("it stopped what ran before: %v, then %v", before, now)
	}

	// A broken server: the others run, it says which and why, and in CI nothing goes on.
	s.must("stop")
	if err := os.WriteFile(filepath.Join(s.dir, "kafka/data/meta.properties"), []byte("version=1\ncluster.id=other\nnode.id=9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ci := range []string{"", "true"} {
		c := s.command("with", "echo", "it went on")
		c.Env = append(c.Env, "CI="+ci)
		said, err := c.CombinedOutput()
		if text := string(said); (err == nil) != (ci == "") || strings.Contains(text, "it went on") != (ci == "") || !strings.Contains(text, "kafka could not be started") ||
			!strings.Contains(text, "postgres: runs on") {
			t.Errorf("with CI=%q: %v\n%s", ci, err, text)
		}
	}
}

// TestAServerElsewhereIsNotStarted names one in the surroundings.
func TestAServerElsewhereIsNotStarted(t *testing.T) {
	s := own(t)
	c := s.command("start")
	for _, v := range []string{servicestest.PostgresVariable, servicestest.RedisVariable, servicestest.RedisClusterVariable, servicestest.KafkaVariable} {
		c.Env = append(c.Env, v+"=elsewhere:1")
	}
	said, err := c.CombinedOutput()
	if err != nil || strings.Count(string(said), "elsewhere, as ORDERFLOW_TEST_") != 4 || len(read(t, filepath.Join(s.dir, "env"))) != 0 {
		t.Errorf("%v\n%s", err, said)
	}
}

// TestPostgresGoesWhereItsUserMay starts it under a folder that is closed to
// everybody else, such as the home of root.
func TestPostgresGoesWhereItsUserMay(t *testing.T) {
	s := own(t)
	if err := os.Chmod(filepath.Dir(filepath.Dir(s.dir)), 0o700); err != nil { //nolint:gosec // that is what it is about
		t.Fatal(err)
	}
	c := s.command("start")
	for _, v := range []string{servicestest.RedisVariable, servicestest.RedisClusterVariable, servicestest.KafkaVariable} {
		c.Env = append(c.Env, v+"=elsewhere:1")
	}
	if said, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if got := s.sql("SELECT 1"); got != "1" {
		t.Errorf("it says %q", got)
	}
	where := strings.TrimSpace(read(t, filepath.Join(s.dir, "postgres/where")))
	if closed := !strings.HasPrefix(where, s.dir); closed != (os.Getuid() == 0) {
		t.Errorf("its data is in %s", where)
	}
	s.must("stop")
	if err := os.RemoveAll(filepath.Dir(where)); err != nil {
		t.Error(err)
	}
}

// allAnswer speaks to every server.
func (s scripted) allAnswer() {
	s.t.Helper()
	env := s.addresses()
	if got := s.sql("SELECT 1"); got != "1" {
		s.t.Errorf("PostgreSQL says %q", got)
	}
	s.redis(env[servicestest.RedisVariable], "PING", "+PONG")
	for _, node := range strings.Split(env[servicestest.RedisClusterVariable], ",") {
		s.redis(node, "CLUSTER INFO", "cluster_state:ok")
	}
	c, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", env[servicestest.KafkaVariable])
	if err != nil {
		s.t.Error(err)
		return
	}
	_ = c.Close()
}

// redis sends one line and waits for what the answer must hold.
func (s scripted) redis(address, line, want string) {
	s.t.Helper()
	c, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", hostPort(address))
	if err != nil {
		s.t.Error(err)
		return
	}
	defer c.Close() //nolint:errcheck // nothing is lost with it
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(c, "%s\r\n", line); err != nil {
		s.t.Error(err)
		return
	}
	var said strings.Builder
	for r := bufio.NewReader(c); !strings.Contains(said.String(), want); {
		got, err := r.ReadString('\n')
		said.WriteString(got)
		if err != nil || strings.HasPrefix(got, "-") {
			s.t.Errorf("%s: %s: %q, not %q (%v)", address, line, said.String(), want, err)
			return
		}
	}
}

// sql runs one statement and returns the first value of its answer, if it has one.
func (s scripted) sql(statement string) string {
	s.t.Helper()
	c, err := pgx.Connect(s.t.Context(), s.addresses()[servicestest.PostgresVariable])
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close(s.t.Context()) //nolint:errcheck // nothing is lost with it
	rows, err := c.Query(s.t.Context(), statement)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		return ""
	}
	values, err := rows.Values()
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprint(values[0])
}

// ended tells a process to end and waits until it has.
func ended(t *testing.T, pid int) {
	t.Helper()
	_ = syscall.Kill(pid, syscall.SIGTERM) // it may be gone
	for deadline := time.Now().Add(20 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d does not end", pid)
		}
	}
}

// hostPort returns the first HOST:PORT of an address.
func hostPort(address string) string {
	first, _, _ := strings.Cut(address, ",")
	_, after, found := strings.Cut(first, "://")
	if !found {
		return first
	}
	if _, rest, ok := strings.Cut(after, "@"); ok {
		after = rest
	}
	host, _, _ := strings.Cut(after, "/")
	return host
}
