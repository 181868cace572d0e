package deploy_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderflow/infra/deploy/servicestest"
)

// TestRedisAsksForItsPassword runs the commands of the containers, with a port
// and a folder of the test's own.
func TestRedisAsksForItsPassword(t *testing.T) {
	servicestest.Program(t, "redis-server")
	const password = "sentinel"
	env := development(t)
	env["REDIS_PASSWORD"] = password
	service := load(t, env).Services["redis"]
	port := freePort(t)
	script := strings.ReplaceAll(service.Command[2], "$$", "$")
	script = strings.Replace(script, "redis-server - ", fmt.Sprintf("redis-server - --bind 127.0.0.1 --port %d --dir %s ", port, t.TempDir()), 1)
	server := exec.CommandContext(t.Context(), service.Command[0], service.Command[1], script)
	server.Env = append(server.Environ(), "REDISCLI_AUTH="+*service.Environment["REDISCLI_AUTH"])
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	awaitPort(t, port)
	for password, wants := range map[string][]string{"": {"NOAUTH"}, password: {"maxmemory\n2147483648\n", "maxmemory-policy\nallkeys-lru\n"}} {
		ask := exec.CommandContext(t.Context(), "redis-cli", "-p", fmt.Sprint(port), "config", "get", "maxmemory*")
		ask.Env = append(ask.Environ(), "REDISCLI_AUTH="+password)
		said, _ := ask.Output() // without a password it fails, and says so
		for _, want := range wants {
			if !strings.Contains(string(said), want) {
				t.Errorf("with the password %q it says %q, not %q", password, said, want)
			}
		}
	}
	// Told to end, it ends in order: nothing stands between the signal and it.
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// awaitPort returns once somebody listens.
func awaitPort(t *testing.T, port int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody listens: %v", err)
		}
	}
}
