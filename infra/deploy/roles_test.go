package deploy_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"orderflow/infra/simulator/remote"
)

// roles are those of the binary: the constants of cmd/orderflow/internal/node/roles.go.
var roles = regexp.MustCompile(`(?m)^\trole\w+\s+role = "(\w+)"`)

// withoutRole are services that run our image and are no process of the fleet.
var withoutRole = []string{"eventstore-user", "simulator"}

// TestEveryRoleRuns holds the services that run our image against the roles
// the binary has.
func TestEveryRoleRuns(t *testing.T) {
	var known, run []string
	for _, m := range roles.FindAllStringSubmatch(read(t, filepath.Join(root, "cmd/orderflow/internal/node/roles.go")), -1) {
		known = append(known, m[1])
	}
	for name, s := range load(t, development(t)).Services {
		if s.Build == nil || slices.Contains(withoutRole, name) {
			continue
		}
		role := *s.Environment["ORDERFLOW_ROLES"]
		if role != name {
			t.Errorf("service %s has the role %s", name, role)
		}
		run = append(run, role)
	}
	slices.Sort(known)
	slices.Sort(run)
	if len(known) == 0 || !slices.Equal(known, run) {
		t.Errorf("the roles are %v, the file runs %v", known, run)
	}
}

// TestThePeersAreThere follows the addresses that roles have of each other and of the stores.
func TestThePeersAreThere(t *testing.T) {
	env := development(t)
	for _, key := range []string{"EVENTSTORE_PASSWORD", "EVENTSTORE_ADMIN_PASSWORD", "POSTGRES_PASSWORD", "REDIS_PASSWORD"} {
		env[key] = "x" // digits would look like a port
	}
	p := load(t, env)
	gateway := p.Services["gateway"].Environment
	var lists []string
	for _, key := range []string{"ORDERFLOW_PEERS", "ORDERFLOW_EVENTSTORE", "ORDERFLOW_POSTGRES", "ORDERFLOW_REDIS", "ORDERFLOW_KAFKA"} {
		lists = append(lists, *gateway[key])
	}
	found := 0
	for _, m := range regexp.MustCompile(`(?m)(?:[@/,=]|^)([a-z][a-z0-9-]*):(\d{4,5})`).FindAllStringSubmatch(strings.Join(lists, "\n"), -1) {
		if _, ok := p.Services[m[1]]; !ok {
			t.Errorf("there is no service %s", m[1])
		}
		found++
	}
	const addresses = 3 + 3 + 1 + 1 + 3 // peers, event store, PostgreSQL, Redis, Kafka
	if found != addresses {
		t.Errorf("%d addresses were found, not %d", found, addresses)
	}
	for _, peer := range strings.Split(*gateway["ORDERFLOW_PEERS"], ";") {
		role, url, _ := strings.Cut(peer, "=")
		listens := *p.Services[role].Environment["ORDERFLOW_PEER_LISTEN"]
		if _, port, _ := strings.Cut(listens, ":"); url != fmt.Sprintf("http://%s:%s", role, port) {
			t.Errorf("%s is asked at %s and listens on %s", role, url, listens)
		}
	}
}

// TestOneSimulatorServesAllWhoCallProviders: every process that calls providers has the
// address and the secret of the one service, which keeps its ledger in a volume; no
// other service has the secret.
func TestOneSimulatorServesAllWhoCallProviders(t *testing.T) {
	env := development(t)
	if secret := env["ORDERFLOW_SIMULATOR_SECRET"]; len(secret) < remote.MinSecretBytes || remote.CheckSecret(secret) != nil {
		t.Errorf("the secret has %d bytes", len(secret))
	}
	services := load(t, env).Services
	sim := services["simulator"]
	_, port, _ := strings.Cut(*sim.Environment["ORDERFLOW_SIMULATOR_LISTEN"], ":")
	if at := slices.Sorted(maps.Keys(sim.Networks)); strings.Join(sim.Command, " ") != "simulator" || sim.GetScale() != 1 || !slices.Equal(at, []string{"peers"}) {
		t.Errorf("the simulator is %v, %d times, in %v", sim.Command, sim.GetScale(), at)
	}
	if data := *sim.Environment["ORDERFLOW_DATA"]; !slices.ContainsFunc(sim.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeVolume && v.Target == data
	}) {
		t.Errorf("%s, where the ledger is, is no volume", data)
	}
	if probed := *sim.Environment["ORDERFLOW_PROBE"]; probed != "http://127.0.0.1:"+port {
		t.Errorf("it listens on port %s and is probed at %s", port, probed)
	}
	for name, s := range services {
		calls := name == "payment" || name == "shipping"
		if secret := s.Environment["ORDERFLOW_SIMULATOR_SECRET"]; (secret != nil) != (calls || name == "simulator") {
			t.Errorf("%s has the simulator's secret: %v", name, secret != nil)
		}
		if !calls {
			continue
		}
		if url := s.Environment["ORDERFLOW_SIMULATOR"]; url == nil || *url != "http://simulator:"+port {
			t.Errorf("%s calls another simulator", name)
		}
		if s.DependsOn["simulator"].Condition != "service_healthy" {
			t.Errorf("%s does not wait for the simulator", name)
		}
	}
}

// TestNobodyWorksAsAdmin holds the administrator's password to the service that
// makes the user of all others, and to the servers themselves.
func TestNobodyWorksAsAdmin(t *testing.T) {
	env := development(t)
	env["EVENTSTORE_ADMIN_PASSWORD"], env["EVENTSTORE_PASSWORD"] = "sentinel-of-admin", "sentinel-of-orderflow"
	const maker = "eventstore-user"
	for name, s := range load(t, env).Services {
		server := strings.HasPrefix(name, "eventstore-") && name != maker
		for key, value := range s.Environment {
			if value != nil && strings.Contains(*value, "sentinel-of-admin") && name != maker && !server {
				t.Errorf("%s: %s holds the password of EventStoreDB's administrator", name, key)
			}
		}
		if s.Build == nil || slices.Contains(withoutRole, name) {
			continue
		}
		if !strings.HasPrefix(*s.Environment["ORDERFLOW_EVENTSTORE"], "esdb://orderflow:sentinel-of-orderflow@") {
			t.Errorf("%s works as another user than orderflow", name)
		}
		if s.DependsOn[maker].Condition != "service_completed_successfully" {
			t.Errorf("%s does not wait for its user", name)
		}
	}
	does := load(t, env).Services[maker]
	if strings.Join(does.Command, " ") != "eventstore user add orderflow --reads-all" || *does.Environment["ORDERFLOW_EVENTSTORE_USER_PASSWORD"] != "sentinel-of-orderflow" {
		t.Errorf("the user is made by %v", does.Command)
	}
}

// TestTheStoresKeepTheirNumbers holds retention, segments and memory to what
// the system was designed with.
func TestTheStoresKeepTheirNumbers(t *testing.T) {
	p := load(t, development(t))
	for n := range 3 {
		kafka := p.Services[fmt.Sprintf("kafka-%d", n+1)].Environment
		for key, want := range map[string]string{
			"KAFKA_LOG_RETENTION_HOURS": "24", "KAFKA_LOG_SEGMENT_BYTES": "1048576000", "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "3",
			"KAFKA_NODE_ID": fmt.Sprint(n + 1), "KAFKA_ADVERTISED_LISTENERS": fmt.Sprintf("PLAINTEXT://kafka-%d:9092", n+1),
		} {
			if kafka[key] == nil || *kafka[key] != want {
				t.Errorf("kafka-%d: %s is not %s", n+1, key, want)
			}
		}
		store := p.Services[fmt.Sprintf("eventstore-%d", n+1)].Environment
		if *store["EVENTSTORE_CLUSTER_SIZE"] != "3" || *store["EVENTSTORE_RUN_PROJECTIONS"] != "All" || strings.Contains(*store["EVENTSTORE_GOSSIP_SEED"], fmt.Sprintf("eventstore-%d:", n+1)) {
			t.Errorf("eventstore-%d: %v", n+1, store)
		}
	}
	for _, want := range []string{"--maxmemory 2gb", "--maxmemory-policy allkeys-lru"} {
		if !strings.Contains(strings.Join(p.Services["redis"].Command, " "), want) {
			t.Errorf("redis is not started with %s", want)
		}
	}
	if !slices.Contains(p.Services["prometheus"].Command, "--storage.tsdb.retention.time=15d") {
		t.Error("prometheus does not keep 15 days")
	}
	if *p.Services["kong"].Environment["KONG_PLUGINS"] != "rate-limiting,prometheus,cors,jwt" {
		t.Error("kong has other plugins")
	}
}

// TestTestsRunOnTheSameImages compares what services.sh starts as containers.
func TestTestsRunOnTheSameImages(t *testing.T) {
	script := read(t, "services/containers.sh")
	services := load(t, development(t)).Services
	for variable, service := range map[string]string{"POSTGRES_IMAGE": "postgres", "REDIS_IMAGE": "redis", "KAFKA_IMAGE": "kafka-1"} {
		if line := "\n" + variable + "=" + services[service].Image + "\n"; !strings.Contains(script, line) {
			t.Errorf("containers.sh does not say %s", strings.TrimSpace(line))
		}
	}
	if !strings.Contains(services["kafka-1"].Image, ":"+regexp.MustCompile(`KAFKA_VERSION=(\S+)`).FindStringSubmatch(read(t, "services/install.sh"))[1]) {
		t.Error("install.sh fetches another Kafka")
	}
}

// TestOperatorsSeeConsolesOnTheirMachineOnly loads the second file too.
func TestOperatorsSeeConsolesOnTheirMachineOnly(t *testing.T) {
	for name, s := range load(t, development(t), "compose.operators.yml").Services {
		for _, port := range s.Ports {
			if name != "nginx" && port.HostIP != "127.0.0.1" {
				t.Errorf("%s is published on %q", name, port.HostIP)
			}
		}
	}
}

func readAll(t *testing.T, files []string) string {
	t.Helper()
	var all strings.Builder
	for _, f := range files {
		all.WriteString(read(t, f))
	}
	return all.String()
}
