package deploy_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderflow/infra/deploy/servicestest"
)

// TestNginxTakesItsConfiguration asks nginx itself. Only the paths and ports of
// the container differ.
func TestNginxTakesItsConfiguration(t *testing.T) {
	file := here(t, 8080, 8443, "kong:8000")
	said, err := exec.CommandContext(t.Context(), servicestest.Program(t, "nginx"), "-t", "-c", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
}

// TestRequestsComeThroughNginx starts it in front of a server that tells what
// reached it.
func TestRequestsComeThroughNginx(t *testing.T) {
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s host=%s for=%s proto=%s", r.Method, r.URL, r.Host, r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"))
	}))
	defer behind.Close()
	plain, secure := freePort(t), freePort(t)
	start(t, here(t, plain, secure, strings.TrimPrefix(behind.URL, "http://")), plain)
	client := &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority(t), MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()

	moved := get(t, client, fmt.Sprintf("http://localhost:%d/v1/orders?x=1", plain), "")
	if moved.StatusCode != http.StatusPermanentRedirect || moved.Header.Get("Location") != "https://localhost/v1/orders?x=1" {
		t.Errorf("without TLS: %d, to %q", moved.StatusCode, moved.Header.Get("Location"))
	}
	healthy := get(t, client, fmt.Sprintf("http://localhost:%d/healthz", plain), "")
	if healthy.StatusCode != http.StatusOK {
		t.Errorf("health: %d", healthy.StatusCode)
	}
	for _, path := range []string{"/v1/orders?x=1", "/v1/orders/ord_1/watch"} {
		answer := get(t, client, fmt.Sprintf("https://localhost:%d%s", secure, path), "203.0.113.9")
		if want := "GET " + path + " host=localhost for=127.0.0.1 proto=https"; answer.body != want || answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %d, %q, not %q", path, answer.StatusCode, answer.body, want)
		}
		if answer.ProtoMajor != 2 || !strings.HasPrefix(answer.Header.Get("Strict-Transport-Security"), "max-age=31536000") || answer.Header.Get("Server") != "nginx" {
			t.Errorf("%s: %s, %v", path, answer.Proto, answer.Header)
		}
	}
}

type answered struct {
	*http.Response
	body string
}

// get asks, claiming to come from another address if one is given.
func get(t *testing.T, client *http.Client, url, from string) answered {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if from != "" {
		r.Header.Set("X-Forwarded-For", from)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{answer, string(body)}
}

// here is nginx.conf with paths and addresses of this test.
func here(t *testing.T, plain, secure int, kong string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // nginx's workers are another user
		t.Fatal(err)
	}
	conf := read(t, "nginx/nginx.conf")
	changes := []string{
		" /tmp/", " " + dir + "/",
		"/run/secrets/", secrets(t) + "/",
		"listen 8080", fmt.Sprintf("listen 127.0.0.1:%d", plain),
		"listen 8443", fmt.Sprintf("listen 127.0.0.1:%d", secure),
		"kong:8000", kong,
		"/dev/stdout", dir + "/access.log",
		"/dev/stderr", dir + "/error.log",
	}
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(conf, changes[i]) {
			t.Fatalf("nginx.conf has no %q", changes[i])
		}
	}
	conf = strings.NewReplacer(changes...).Replace(conf)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// start runs nginx until t ends and returns once it listens.
func start(t *testing.T, file string, port int) {
	t.Helper()
	nginx := exec.CommandContext(t.Context(), servicestest.Program(t, "nginx"), "-c", file, "-g", "daemon off;")
	nginx.Cancel = func() error { return nginx.Process.Signal(os.Interrupt) }
	nginx.WaitDelay = 10 * time.Second
	var said strings.Builder
	nginx.Stderr = &said
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = nginx.Wait() // it is told to end
		close(ended)
	}()
	t.Cleanup(func() {
		_ = nginx.Process.Signal(os.Interrupt) // it may have ended
		<-ended
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("nginx ended: %s", said.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("nginx does not listen: %v", err)
		}
	}
}

func authority(t *testing.T) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(read(t, filepath.Join(secrets(t), "ca.crt"))))
	return pool
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the number is what it was for
	return l.Addr().(*net.TCPAddr).Port
}
