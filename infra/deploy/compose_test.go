package deploy_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const root = "../.."

const (
	mebibyte = 1 << 20
	gibibyte = 1 << 30
)

// oneShot are services that do one thing and end, so nobody asks how they are.
var oneShot = []string{"eventstore-user"}

// writable are services whose images write beside their volumes.
var writable = []string{"eventstore-1", "eventstore-2", "eventstore-3", "kafka-1", "kafka-2", "kafka-3"}

// parts is what the system consists of: how many of each, and how much memory one may take.
var parts = map[string]struct {
	replicas int
	memory   int64
}{
	"kong":      {3, gibibyte},
	"order":     {5, 2 * gibibyte},
	"inventory": {3, 3 * gibibyte / 2},
	"payment":   {3, gibibyte},
	"shipping":  {2, 512 * mebibyte},
	"simulator": {1, 512 * mebibyte},
	"gateway":   {3, gibibyte}, "projector": {2, gibibyte}, "relay": {2, 512 * mebibyte},
	"kafka-1": {1, 4 * gibibyte}, "kafka-2": {1, 4 * gibibyte}, "kafka-3": {1, 4 * gibibyte},
	"eventstore-1": {1, 4 * gibibyte}, "eventstore-2": {1, 4 * gibibyte}, "eventstore-3": {1, 4 * gibibyte},
	"postgres": {1, 4 * gibibyte}, "redis": {1, 3 * gibibyte}, "eventstore-user": {1, 64 * mebibyte},
	"prometheus": {1, 2 * gibibyte}, "alertmanager": {1, 256 * mebibyte}, "grafana": {1, 512 * mebibyte},
	"nginx": {1, 256 * mebibyte},
}

// TestTheSystemHasAllItsParts holds the file against the table above.
func TestTheSystemHasAllItsParts(t *testing.T) {
	p := load(t, development(t))
	if have, want := slices.Sorted(maps.Keys(p.Services)), slices.Sorted(maps.Keys(parts)); !slices.Equal(have, want) {
		t.Errorf("services\n%v, not\n%v", have, want)
	}
	for name, want := range parts {
		s := p.Services[name]
		if s.GetScale() != want.replicas {
			t.Errorf("%s: %d replicas, not %d", name, s.GetScale(), want.replicas)
		}
		if s.Deploy == nil || s.Deploy.Resources.Limits == nil {
			t.Errorf("%s: no limits", name)
			continue
		}
		limits := s.Deploy.Resources.Limits
		if int64(limits.MemoryBytes) != want.memory || limits.NanoCPUs <= 0 || limits.Pids <= 0 {
			t.Errorf("%s: limits of memory %d (not %d), %v processors, %d processes", name, limits.MemoryBytes, want.memory, limits.NanoCPUs, limits.Pids)
		}
	}
}

// pinned is an image with a version, or one that is built here.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+[\w.-]*$`)

func TestEveryServiceIsHardened(t *testing.T) {
	for name, s := range load(t, development(t)).Services {
		if !pinned.MatchString(s.Image) && s.Build == nil {
			t.Errorf("%s: image %q has no exact version", name, s.Image)
		}
		if !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || s.Privileged {
			t.Errorf("%s: capabilities: drops %v, adds %v, privileged %v", name, s.CapDrop, s.CapAdd, s.Privileged)
		}
		if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: may gain privileges", name)
		}
		if s.ReadOnly == slices.Contains(writable, name) {
			t.Errorf("%s: read-only is %v", name, s.ReadOnly)
		}
		if s.Logging == nil || s.Logging.Options["max-size"] == "" || s.Logging.Options["max-file"] == "" {
			t.Errorf("%s: its log has no limit", name)
		}
		if (s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) == 0) != slices.Contains(oneShot, name) {
			t.Errorf("%s: health check %v", name, s.HealthCheck)
		}
		if want := map[bool]string{false: types.RestartPolicyUnlessStopped, true: types.RestartPolicyOnFailure}[slices.Contains(oneShot, name)]; s.Restart != want {
			t.Errorf("%s: restart %q, not %q", name, s.Restart, want)
		}
		if s.NetworkMode != "" || s.Pid != "" || s.Ipc != "" {
			t.Errorf("%s: shares the machine's network, processes or memory", name)
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind && !v.ReadOnly || strings.Contains(v.Source, "docker.sock") {
				t.Errorf("%s: may write to %s of the machine", name, v.Source)
			}
		}
	}
}

// TestOnlyTheFrontDoorIsOpen follows the networks: what can be reached from
// outside, and who can reach out.
func TestOnlyTheFrontDoorIsOpen(t *testing.T) {
	p := load(t, development(t))
	var open, out []string
	for name, s := range p.Services {
		for _, port := range s.Ports {
			open = append(open, name+" "+port.Published)
		}
		for network := range s.Networks {
			if !p.Networks[network].Internal {
				out = append(out, name)
			}
		}
		if len(s.Networks) == 0 || s.Networks["default"] != nil {
			t.Errorf("%s is in the default network", name)
		}
	}
	slices.Sort(open)
	if want := []string{"nginx 443", "nginx 80"}; !slices.Equal(open, want) {
		t.Errorf("published are %v, not %v", open, want)
	}
	slices.Sort(out)
	if want := []string{"alertmanager", "gateway", "nginx"}; !slices.Equal(out, want) {
		t.Errorf("a way out have %v, not %v", out, want)
	}
}

// optional are the variables that need no value.
var optional = []string{"BUILDVCS", "ORDERFLOW_AUTH_JWKS", "ORDERFLOW_ENV", "ORDERFLOW_VERSION"}

var variable = regexp.MustCompile(`\$\{([A-Z_]+)(:?[?-]?)`)

// TestNothingStartsWithoutItsSecrets takes one variable away at a time.
func TestNothingStartsWithoutItsSecrets(t *testing.T) {
	env := development(t)
	text := read(t, filepath.Join(root, "docker-compose.yml"))
	used := map[string]bool{}
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		name, operator := m[1], m[2]
		want := ":?"
		if slices.Contains(optional, name) {
			want = ":-"
		}
		if operator != want {
			t.Errorf("%s is written with %q, not %q", name, operator, want)
		}
		used[name] = true
	}
	for name := range used {
		if slices.Contains(optional, name) {
			continue
		}
		for how, changed := range map[string]func(map[string]string){
			"missing": func(e map[string]string) { delete(e, name) },
			"empty":   func(e map[string]string) { e[name] = "" },
		} {
			e := maps.Clone(env)
			changed(e)
			_, err := tryLoad(t, e)
			if err == nil {
				t.Errorf("with %s %s it starts", name, how)
			} else if !strings.Contains(err.Error(), name) {
				t.Errorf("with %s %s the complaint does not name it: %v", name, how, err)
			}
		}
	}
	for name := range env {
		if !used[name] {
			t.Errorf("development.sh makes %s, which nothing reads", name)
		}
	}
}

// secretName is what a variable is called that nobody else may know.
var secretName = regexp.MustCompile(`PASSWORD|SECRET|_KEY$|TOKEN|REDISCLI_AUTH`)

// TestNoSecretIsInTheFile starts from values that no file holds: every secret
// in the project must be one of them.
func TestNoSecretIsInTheFile(t *testing.T) {
	env := development(t)
	for name := range env {
		if secretName.MatchString(name) {
			env[name] = "sentinel-" + strings.ToLower(name)
		}
	}
	env["ORDERFLOW_SECRETS"] = t.TempDir()
	for name, s := range load(t, env).Services {
		for key, value := range s.Environment {
			if secretName.MatchString(key) && value != nil && !strings.HasPrefix(*value, "sentinel-") && !strings.HasPrefix(*value, "/run/secrets/") {
				t.Errorf("%s: %s is written in the file", name, key)
			}
		}
		for _, word := range s.Command {
			if strings.Contains(word, "sentinel-") {
				t.Errorf("%s: a secret is on its command line", name)
			}
		}
	}
}

// TestEveryFileIsThere looks for what the file mounts.
func TestEveryFileIsThere(t *testing.T) {
	p := load(t, development(t))
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				exists(t, name, v.Source)
			}
		}
		for _, secret := range s.Secrets {
			if p.Secrets[secret.Source].File == "" {
				t.Errorf("%s: secret %s has no file", name, secret.Source)
			}
		}
	}
	for name, secret := range p.Secrets {
		exists(t, name, secret.File)
	}
	exists(t, "build", filepath.Join(root, "Dockerfile"))
}

func exists(t *testing.T, who, file string) {
	t.Helper()
	if _, err := os.Stat(file); err != nil {
		t.Errorf("%s: %v", who, err)
	}
}

// load reads the file as docker compose would, with the variables of env.
func load(t *testing.T, env map[string]string, also ...string) *types.Project {
	t.Helper()
	p, err := tryLoad(t, env, also...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tryLoad(t *testing.T, env map[string]string, also ...string) (*types.Project, error) {
	t.Helper()
	var values []string
	for name, value := range env {
		values = append(values, name+"="+value)
	}
	files := append([]string{filepath.Join(root, "docker-compose.yml")}, also...)
	o, err := cli.NewProjectOptions(files, cli.WithWorkingDirectory(root), cli.WithEnv(values))
	if err != nil {
		t.Fatal(err)
	}
	return o.LoadProject(t.Context())
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
