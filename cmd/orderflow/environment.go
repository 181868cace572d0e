package main

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/domain"
	"orderflow/infra/edge"
)

// variablePrefix begins the names of this program's variables.
const variablePrefix = "ORDERFLOW_"

// constantVariables lists the variables that are read without being a flag's.
func constantVariables() []string {
	return []string{client.TokenVariable, edge.EnvironmentVariable, userPassword}
}

// foreignVariables lists the variables with our prefix that only tests, scripts and
// docker-compose.yml read, so that one who has set them may run the program.
func foreignVariables() []string {
	return []string{
		"ORDERFLOW_CLUSTER_ROUNDS", "ORDERFLOW_COPY_EVENTS", "ORDERFLOW_FLEET_ORDERS", "ORDERFLOW_SCAVENGE_EVENTS",
		"ORDERFLOW_SECRETS", "ORDERFLOW_SEED", "ORDERFLOW_SERVICES", "ORDERFLOW_VERSION",
	}
}

// testVariablePrefix begins the names of variables that say where servers for tests are.
const testVariablePrefix = variablePrefix + "TEST_"

// serviceLink matches what Kubernetes sets for each Service whose name begins with
// orderflow, such as ORDERFLOW_ORDER_PORT_8081_TCP_ADDR.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?$`)

// serviceAddress matches the value of the one link whose name says too little.
var serviceAddress = regexp.MustCompile(`^(tcp|udp|sctp)://`)

// flagVariables lists the variables of all flags of the program.
func flagVariables(n *kong.Node) (all []string) {
	for _, f := range n.Flags {
		all = append(all, f.Envs...)
	}
	for _, child := range n.Children {
		all = append(all, flagVariables(child)...)
	}
	return all
}

// checkEnvironment returns Invalid if a variable with our prefix is set that nothing
// reads: a misspelt one would be ignored. environ has NAME=value pairs.
func checkEnvironment(program *kong.Application, environ []string) error {
	known := append(flagVariables(program.Node), constantVariables()...)
	var texts []string
	for _, pair := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(pair, "=")
		link := serviceLink.MatchString(name) || strings.HasSuffix(name, "_PORT") && serviceAddress.MatchString(value)
		if value == "" || !strings.HasPrefix(name, variablePrefix) || strings.HasPrefix(name, testVariablePrefix) || link ||
			slices.Contains(known, name) || slices.Contains(foreignVariables(), name) {
			continue
		}
		texts = append(texts, name+" is set, and no such variable is read; the nearest one is "+nearest(name, known)+".")
	}
	if len(texts) == 0 {
		return nil
	}
	return domain.Errorf(domain.Invalid, "%s Correct the name, or unset it.", strings.Join(texts, " "))
}

// nearest returns the name of known that takes the fewest edits to become name.
func nearest(name string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int {
		return cmp.Or(cmp.Compare(edits(name, a), edits(name, b)), cmp.Compare(a, b))
	})
}

// edits returns the Levenshtein distance of a and b in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// providerPrefixes begin the variables that payment gateways and carriers are configured
// with by convention.
func providerPrefixes() []string { return []string{"STRIPE_", "PAYPAL_", "FEDEX_", "UPS_"} }

// checkProviderKeys returns Invalid if a provider is configured that this build lacks:
// its orders would be confirmed by the simulator.
func checkProviderKeys(environ []string) error {
	for _, pair := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(pair, "=")
		ours := slices.ContainsFunc(providerPrefixes(), func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if ours && value != "" {
			provider, _, _ := strings.Cut(name, "_")
			return domain.Errorf(domain.Invalid, "%s is set, and this build has no provider %s: its orders would be confirmed by the simulator, and no money would move. Unset it.", name, provider)
		}
	}
	return nil
}
