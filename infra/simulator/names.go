package simulator

import (
	"slices"

	"orderflow/domain"
)

// The names of the simulated providers. Each name is a gateway and a carrier with
// keys, outages, rates and scripts of their own; all write to one ledger.
const (
	// Default is the name of the first gateway and of the first carrier. Rows of the
	// ledger are theirs unless they say otherwise.
	Default = "simulator"
	// Second is the name of the other gateway and of the other carrier, so that a
	// change from one provider to another can be tried.
	Second = "simulator-b"
)

// Names returns the names of the gateways, which are also those of the carriers.
func Names() []string { return []string{Default, Second} }

// CheckName returns Invalid for a name that no gateway or carrier has.
func CheckName(name string) error {
	if slices.Contains(Names(), name) {
		return nil
	}
	return domain.Errorf(domain.Invalid, "The simulator has no gateway or carrier named %q; it has %q.", name, Names())
}

// storedName returns the form of a name in the ledger, where the default's is absent.
func storedName(name string) string {
	if name == Default {
		return ""
	}
	return name
}

// nameOf returns the name for its form in the ledger.
func nameOf(stored string) string {
	if stored == "" {
		return Default
	}
	return stored
}
