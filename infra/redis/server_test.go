package redis_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"orderflow/infra/deploy/servicestest"
)

// server is a redis-server of a test's own, which it may flush, kill and restart.
type server struct {
	t    testing.TB
	dir  string
	args []string
	addr string
	cmd  *exec.Cmd
}

// startServer starts one without persistence, unless args say otherwise.
func startServer(t testing.TB, args ...string) *server {
	t.Helper()
	port := freePort(t)
	s := &server{t: t, dir: t.TempDir(), addr: "127.0.0.1:" + strconv.Itoa(port)}
	s.args = append([]string{"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", s.dir, "--save", ""}, args...)
	s.start()
	t.Cleanup(s.kill)
	return s
}

// freePort leaves room for a cluster's second port, 10,000 above.
func freePort(t testing.TB) int {
	t.Helper()
	for {
		var lc net.ListenConfig
		l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if port < 55_000 {
			return port
		}
	}
}

func (s *server) url() string { return "redis://" + s.addr }

func (s *server) start() {
	s.t.Helper()
	out, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // the server has its own
	s.cmd = exec.CommandContext(context.Background(), servicestest.Program(s.t, "redis-server"), s.args...)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	c := s.client()
	defer c.Close() //nolint:errcheck // it only asked
	eventually(s.t, "a redis-server that answers", func() bool { return c.Ping(context.Background()).Err() == nil })
}

// kill is a crash.
func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func (s *server) restart() {
	s.t.Helper()
	s.kill()
	s.start()
}

// client must be closed.
func (s *server) client() *goredis.Client {
	return goredis.NewClient(&goredis.Options{Addr: s.addr, DisableIdentity: true})
}

func (s *server) do(args ...any) string {
	s.t.Helper()
	c := s.client()
	defer c.Close() //nolint:errcheck // the answer is there
	text, err := c.Do(context.Background(), args...).Text()
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return text
}

// startCluster starts three masters and a replica of the first.
func startCluster(t testing.TB) (masters []*server) {
	t.Helper()
	for range 4 {
		s := startServer(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "1000",
			"--repl-diskless-sync-delay", "0", "--cluster-replica-validity-factor", "0")
		masters = append(masters, s)
	}
	masters, replica := masters[:3], masters[3]
	for i, m := range masters {
		m.do("CLUSTER", "ADDSLOTSRANGE", i*16384/3, (i+1)*16384/3-1)
		m.do("CLUSTER", "SET-CONFIG-EPOCH", i+1)
	}
	for _, s := range append(masters[1:3:3], replica) {
		host, port, _ := strings.Cut(s.addr, ":")
		masters[0].do("CLUSTER", "MEET", host, port)
	}
	all := append(masters[:3:3], replica)
	eventually(t, "a cluster of four", func() bool {
		for _, s := range all {
			if info := s.do("CLUSTER", "INFO"); !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:4") {
				return false
			}
		}
		return true
	})
	id := masters[0].do("CLUSTER", "MYID")
	eventually(t, "a replica that knows its master", func() bool {
		c := replica.client()
		defer c.Close() //nolint:errcheck // the answer is there
		return c.Do(context.Background(), "CLUSTER", "REPLICATE", id).Err() == nil
	})
	eventually(t, "a replica in step", func() bool {
		return strings.Contains(replica.do("INFO", "replication"), "master_link_status:up")
	})
	return masters
}

func urlsOf(servers []*server) (urls []string) {
	for _, s := range servers {
		urls = append(urls, s.url())
	}
	return urls
}

// save and restore take all keys of a pattern at one moment.
var (
	save = goredis.NewScript(`local out = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  out[#out + 1] = key
  out[#out + 1] = redis.call('DUMP', key)
end
return out`)
	restore = goredis.NewScript(`for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  redis.call('DEL', key)
end
for i = 2, #ARGV, 2 do
  redis.call('RESTORE', ARGV[i], 0, ARGV[i + 1])
end
return 1`)
)
