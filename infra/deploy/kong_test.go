package deploy_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// kongConfig is what the tests ask of Kong's file.
type kongConfig struct {
	Services []struct {
		Host   string
		Port   int
		Routes []struct {
			Name    string
			Paths   []string
			Methods []string
			Plugins []kongPlugin
		}
	}
	Consumers []struct {
		Secrets []struct {
			Key       string
			Algorithm string
			PublicKey string `yaml:"rsa_public_key"`
		} `yaml:"jwt_secrets"`
	}
	Plugins []kongPlugin
}

type kongPlugin struct {
	Name   string
	Config map[string]any
}

// TestKongsFileHasItsForm validates the file as Kong gets it against
// testdata/kong.schema.json. Kong itself is not there to ask.
func TestKongsFileHasItsForm(t *testing.T) {
	var document any
	decodeYAML(t, filled(t), &document)
	schema, err := jsonschema.NewCompiler().Compile("testdata/kong.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(document); err != nil {
		t.Error(err)
	}
}

// TestTheSchemaRefuses breaks the file in ways that Kong would refuse too.
func TestTheSchemaRefuses(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/kong.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	whole := read(t, filled(t))
	for _, c := range [][2]string{
		{`_format_version: "3.0"`, `_format_version: "1.1"`},
		{"policy: redis", "policy: cluster"},
		{"second: 1000", "fortnight: 1000"},
		{"limit_by: ip", "limit_by: customer"},
		{"claims_to_verify: [exp, nbf]", "claims_to_verify: [nbf]"},
		{"algorithm: RS256", "algorithm: none"},
		{"rsa_public_key: |", "public_key: |"},
		{"name: cors", "name: corse"},
		{"host: gateway", "hosts: gateway"},
		{"paths: [/v1]", "paths: [v1]"},
		{"methods: [GET, HEAD, POST, PUT, PATCH, DELETE]", "methods: [FETCH]"},
	} {
		if !strings.Contains(whole, c[0]) {
			t.Fatalf("the file has no %q", c[0])
		}
		var document any
		if err := yaml.Unmarshal([]byte(strings.Replace(whole, c[0], c[1], 1)), &document); err != nil {
			t.Fatal(err)
		}
		if schema.Validate(document) == nil {
			t.Errorf("%q passes", c[1])
		}
	}
}

// TestNothingButDocumentsIsOpen looks at who comes through without a token.
func TestNothingButDocumentsIsOpen(t *testing.T) {
	var k kongConfig
	decodeYAML(t, filled(t), &k)
	gateway := load(t, development(t)).Services["gateway"]
	for _, s := range k.Services {
		if want := fmt.Sprintf("0.0.0.0:%d", s.Port); s.Host != "gateway" || *gateway.Environment["ORDERFLOW_LISTEN"] != want {
			t.Errorf("it sends to %s:%d", s.Host, s.Port)
		}
		for _, r := range s.Routes {
			guarded := slices.ContainsFunc(r.Plugins, func(p kongPlugin) bool { return p.Name == "jwt" })
			switch {
			case guarded && slices.Equal(r.Paths, []string{"/v1"}):
			case !guarded && slices.Equal(r.Methods, []string{"GET", "HEAD"}) && slices.Equal(r.Paths, []string{"/docs", "/openapi.json", "/problems", "/healthz"}):
			default:
				t.Errorf("route %s: %v %v, with a token: %v", r.Name, r.Methods, r.Paths, guarded)
			}
		}
	}
}

// TestKongKnowsTheIssuerAndTheShop looks at what start.sh filled in.
func TestKongKnowsTheIssuerAndTheShop(t *testing.T) {
	var k kongConfig
	decodeYAML(t, filled(t), &k)
	env := development(t)
	credential := k.Consumers[0].Secrets[0]
	if credential.Key != env["ORDERFLOW_AUTH_ISSUER"] || credential.Algorithm != "RS256" || credential.PublicKey != read(t, filepath.Join(secrets(t), "jwt.pem")) {
		t.Errorf("the credential is %+v", credential)
	}
	loaded := strings.Split(*load(t, env).Services["kong"].Environment["KONG_PLUGINS"], ",")
	for _, p := range k.Plugins {
		if !slices.Contains(loaded, p.Name) {
			t.Errorf("plugin %s is not loaded", p.Name)
		}
		if p.Name == "cors" && fmt.Sprint(p.Config["origins"]) != "["+env["ORDERFLOW_CORS_ORIGIN"]+"]" {
			t.Errorf("pages of %v may ask", p.Config["origins"])
		}
	}
}

// TestKongAllowsPagesWhatTheGatewayAllows holds Kong's lists of CORS to those of the
// gateway role: what Kong leaves out never gets to the gateway.
func TestKongAllowsPagesWhatTheGatewayAllows(t *testing.T) {
	var k kongConfig
	decodeYAML(t, filled(t), &k)
	source := read(t, filepath.Join(root, "infra/edge/browsers.go"))
	for field, of := range map[string]struct {
		list string
		item *regexp.Regexp
	}{
		"methods":         {"AllowedMethods", regexp.MustCompile(`http\.Method(\w+)`)},
		"headers":         {"AllowedHeaders", regexp.MustCompile(`"([\w-]+)"`)},
		"exposed_headers": {"ExposedHeaders", regexp.MustCompile(`"([\w-]+)"`)},
	} {
		_, rest, found := strings.Cut(source, of.list+": []string{")
		list, _, _ := strings.Cut(rest, "}")
		var want []string
		for _, m := range of.item.FindAllStringSubmatch(list, -1) {
			if field == "methods" {
				m[1] = strings.ToUpper(m[1])
			}
			want = append(want, m[1])
		}
		for _, p := range k.Plugins {
			if have := fmt.Sprint(p.Config[field]); p.Name == "cors" && (!found || have != fmt.Sprint(want)) {
				t.Errorf("%s: Kong has %s, the gateway %v", field, have, want)
			}
		}
	}
}

// TestKongDoesNotStartOnWordsThatWouldChangeTheFile tries to break out of a string.
func TestKongDoesNotStartOnWordsThatWouldChangeTheFile(t *testing.T) {
	for _, issuer := range []string{"", `https://a"`, "https://a b", "https://a\nplugins: []", "https://a'", "{vault}"} {
		if _, err := fill(t, issuer); err == nil {
			t.Errorf("it starts with the issuer %q", issuer)
		}
	}
}

// filled is kong.yml as start.sh makes it.
func filled(t *testing.T) string {
	t.Helper()
	file, err := fill(t, development(t)["ORDERFLOW_AUTH_ISSUER"])
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func fill(t *testing.T, issuer string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kong.yml")
	c := exec.CommandContext(t.Context(), "sh", "kong/start.sh", "kong/kong.yml", filepath.Join(secrets(t), "jwt.pem"), file)
	c.Env = append(c.Environ(), "JWT_ISSUER="+issuer, "CORS_ORIGIN="+development(t)["ORDERFLOW_CORS_ORIGIN"])
	said, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, said)
	}
	return file, nil
}
