package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"orderflow/domain"
)

func program(t *testing.T) *kong.Application {
	t.Helper()
	var c cli
	parser, err := newParser(&c, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model
}

// TestAMisspeltVariableIsRefused names what is wrong, and the nearest one that is read.
func TestAMisspeltVariableIsRefused(t *testing.T) {
	for _, c := range []struct{ set, nearest string }{
		{"ORDERFLOW_POSTGRESS=x", "ORDERFLOW_POSTGRES"},
		{"ORDERFLOW_REDIS_URL=x", "ORDERFLOW_REDIS"},
		{"ORDERFLOW_KAFKAS=x", "ORDERFLOW_KAFKA"},
		{"ORDERFLOW_TOKENS=x", "ORDERFLOW_TOKEN"},
		{"ORDERFLOW_ENVV=production", "ORDERFLOW_ENV"},
		{"ORDERFLOW_AUTH_ISUER=x", "ORDERFLOW_AUTH_ISSUER"},
		{"ORDERFLOW_SIMULATOR_SECRE=x", "ORDERFLOW_SIMULATOR_SECRET"},
	} {
		err := checkEnvironment(program(t), []string{"HOME=/", c.set, "ORDERFLOW_DATA=/d"})
		name, _, _ := strings.Cut(c.set, "=")
		if domain.KindOf(err) != domain.Invalid || !strings.Contains(err.Error(), name+" is set") || !strings.Contains(err.Error(), "the nearest one is "+c.nearest+".") {
			t.Errorf("%s: %v", c.set, err)
		}
	}
}

// TestEveryVariableThatIsReadMayBeSet sets all of them, and those of others that begin alike.
func TestEveryVariableThatIsReadMayBeSet(t *testing.T) {
	p := program(t)
	var environ []string
	for _, name := range slices.Concat(flagVariables(p.Node), constantVariables(), foreignVariables()) {
		environ = append(environ, name+"=x")
	}
	if len(environ) < 45 {
		t.Errorf("%d variables are known", len(environ))
	}
	environ = append(environ, "ORDERFLOW_NEVER_SET=", "ORDERFLOW_TEST_ANYTHING=x", "ORDERFLOWER=x",
		// By Kubernetes, for Services named orderflow and orderflow-order.
		"ORDERFLOW_SERVICE_HOST=10.0.0.1", "ORDERFLOW_SERVICE_PORT=80", "ORDERFLOW_SERVICE_PORT_HTTP=80", "ORDERFLOW_PORT=tcp://10.0.0.1:80",
		"ORDERFLOW_ORDER_PORT_8081_TCP=tcp://10.0.0.1:8081", "ORDERFLOW_ORDER_PORT_8081_TCP_ADDR=10.0.0.1")
	if err := checkEnvironment(p, environ); err != nil {
		t.Error(err)
	}
	if checkEnvironment(p, []string{"ORDERFLOW_PORT=8080"}) == nil {
		t.Error("a port that a person set is passed over")
	}
}

// TestKeysOfMissingProvidersAreRefused: with a live key set, no order may be confirmed by
// the simulator.
func TestKeysOfMissingProvidersAreRefused(t *testing.T) {
	for _, name := range []string{"STRIPE_API_KEY", "PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET", "FEDEX_API_KEY", "UPS_API_KEY"} {
		if err := checkProviderKeys([]string{"HOME=/", name + "=sk_live"}); domain.KindOf(err) != domain.Invalid || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "sk_live") {
			t.Errorf("%s: %v", name, err)
		}
		if err := checkProviderKeys([]string{name + "=", "UPSTREAM=x", "HOME=/"}); err != nil {
			t.Errorf("an empty %s: %v", name, err)
		}
	}
}
