package deploy_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"orderflow/infra/deploy/servicestest"
)

// TestPrometheusTakesItsConfiguration asks promtool: the scrape configuration
// with its files, the rules, and what the rules do with figures.
func TestPrometheusTakesItsConfiguration(t *testing.T) {
	promtool := servicestest.Program(t, "promtool")
	dir := t.TempDir()
	conf := strings.ReplaceAll(read(t, "prometheus/prometheus.yml"), "/run/secrets/", secrets(t)+"/")
	for name, text := range map[string]string{"prometheus.yml": conf, "rules.yml": read(t, "prometheus/rules.yml")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"check", "config", filepath.Join(dir, "prometheus.yml")},
		{"check", "rules", "prometheus/rules.yml"},
		{"test", "rules", "prometheus/rules_test.yml"},
	} {
		if said, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, said)
		}
	}
}

func TestAlertmanagerTakesItsConfiguration(t *testing.T) {
	amtool := servicestest.Program(t, "amtool")
	if said, err := exec.CommandContext(t.Context(), amtool, "check-config", "alertmanager/alertmanager.yml").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for severity, want := range map[string]string{"critical": "people", "warning": "people"} {
		said, err := exec.CommandContext(t.Context(), amtool, "config", "routes", "test", "--config.file=alertmanager/alertmanager.yml", "severity="+severity).Output()
		if err != nil || strings.TrimSpace(string(said)) != want {
			t.Errorf("%s goes to %q, %v", severity, said, err)
		}
	}
}

// TestEverythingScrapedIsThere follows the names in prometheus.yml to services
// that share a network with Prometheus.
func TestEverythingScrapedIsThere(t *testing.T) {
	p := load(t, development(t))
	text := read(t, "prometheus/prometheus.yml")
	var names []string
	for _, m := range regexp.MustCompile(`names: \[([^\]]+)\]`).FindAllStringSubmatch(text, -1) {
		names = append(names, strings.Split(m[1], ", ")...)
	}
	for _, m := range regexp.MustCompile(`"([a-z0-9-]+):\d+"`).FindAllStringSubmatch(text, -1) {
		if m[1] != "localhost" {
			names = append(names, m[1])
		}
	}
	seen := map[string]bool{}
	for _, name := range names {
		s, ok := p.Services[name]
		if _, near := s.Networks["watch"]; !ok || !near {
			t.Errorf("%s: there is such a service: %v, near Prometheus: %v", name, ok, near)
		}
		seen[name] = true
	}
	for name, s := range p.Services {
		if s.Build != nil && !slices.Contains(withoutRole, name) && !seen[name] {
			t.Errorf("nobody scrapes %s", name)
		}
	}
}

// TestTheDashboardAsksWhatItCan looks at the dashboard and what provides it:
// sources that exist, panels that do not overlap, queries that parse.
func TestTheDashboardAsksWhatItCan(t *testing.T) {
	var sources struct {
		Datasources []struct{ UID, URL string }
	}
	decodeYAML(t, "grafana/provisioning/datasources/orderflow.yml", &sources)
	known := map[string]bool{}
	services := load(t, development(t)).Services
	for _, s := range sources.Datasources {
		known[s.UID] = true
		host := strings.Split(strings.TrimPrefix(s.URL, "http://"), ":")[0]
		if _, ok := services[host]; !ok {
			t.Errorf("source %s: there is no service %s", s.UID, host)
		}
	}
	var provider struct {
		Providers []struct{ Options struct{ Path string } }
	}
	decodeYAML(t, "grafana/provisioning/dashboards/orderflow.yml", &provider)
	mounted := false
	for _, v := range services["grafana"].Volumes {
		mounted = mounted || v.Target == provider.Providers[0].Options.Path && strings.HasSuffix(v.Source, "grafana/dashboards")
	}
	if !mounted {
		t.Error("the dashboards are not mounted where they are looked for")
	}
	checkPanels(t, known)
}

type panel struct {
	ID         int
	Title      string
	Datasource struct{ UID string }
	GridPos    struct{ X, Y, W, H int }
	Targets    []struct{ Expr string }
}

func checkPanels(t *testing.T, sources map[string]bool) {
	t.Helper()
	var board struct {
		UID, Title string
		Panels     []panel
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/dashboards/orderflow.json")), &board); err != nil {
		t.Fatal(err)
	}
	if board.UID == "" || len(board.Panels) == 0 {
		t.Fatal("it is empty")
	}
	taken := map[[2]int]string{}
	var queries []string
	for _, p := range board.Panels {
		if !sources[p.Datasource.UID] || len(p.Targets) == 0 {
			t.Errorf("%s: source %q, %d queries", p.Title, p.Datasource.UID, len(p.Targets))
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s lies over %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			queries = append(queries, target.Expr)
		}
	}
	parse(t, queries)
}

// metric matches the name of one of our metrics in a query.
var metric = regexp.MustCompile(`\b[a-z]+(?:_[a-z0-9]+)+\b`)

// TestWhatIsAskedIsMeasured finds metrics of rules and panels that the binary does not
// have: an alert on one of them never fires, or fires for ever.
func TestWhatIsAskedIsMeasured(t *testing.T) {
	sources, err := filepath.Glob(filepath.Join(root, "infra/telemetry/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	measured := readAll(t, slices.DeleteFunc(sources, func(s string) bool { return strings.HasSuffix(s, "_test.go") }))
	asked := regexp.MustCompile(`(?m)^\s+expr: (.*)$`).FindAllStringSubmatch(read(t, "prometheus/rules.yml"), -1)
	asked = append(asked, regexp.MustCompile(`"expr": "(.*)"`).FindAllStringSubmatch(read(t, "grafana/dashboards/orderflow.json"), -1)...)
	found := 0
	for _, m := range asked {
		for _, name := range metric.FindAllString(m[1], -1) {
			if name == "histogram_quantile" {
				continue
			}
			found++
			if !strings.Contains(measured, `"`+strings.TrimSuffix(name, "_bucket")+`"`) {
				t.Errorf("%s is asked for and not measured", name)
			}
		}
	}
	if found < 15 {
		t.Errorf("%d metrics were found", found)
	}
}

// parse has promtool read queries, as rules that record them.
func parse(t *testing.T, queries []string) {
	t.Helper()
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	type group struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	}
	g := group{Name: "dashboard"}
	for i, q := range queries {
		g.Rules = append(g.Rules, rule{"query_" + string(rune('a'+i)), q})
	}
	data, err := yaml.Marshal(map[string][]group{"groups": {g}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "queries.yml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.CommandContext(t.Context(), servicestest.Program(t, "promtool"), "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

func decodeYAML(t *testing.T, file string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, file)), into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
