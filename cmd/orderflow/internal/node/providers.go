package node

import (
	"slices"
	"strings"

	"orderflow/domain"
	"orderflow/infra/resilience"
	"orderflow/infra/simulator"
	"orderflow/infra/simulator/remote"
	"orderflow/infra/telemetry"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
)

// ProviderFlags say which payment gateways and carriers a process calls.
type ProviderFlags struct {
	Gateways        []string `help:"The payment gateways, the one for new charges first (default ${gateway}; in production they must be named). There are ${gateways}." placeholder:"NAME,…" env:"ORDERFLOW_GATEWAYS"`
	Carriers        []string `help:"The carriers, the one for new parcels first (default ${carrier}; in production they must be named). There are ${carriers}." placeholder:"NAME,…" env:"ORDERFLOW_CARRIERS"`
	Simulator       string   `help:"The URL of the simulator that a fleet shares, see orderflow simulator. Without it the simulator is part of this process." placeholder:"URL" env:"ORDERFLOW_SIMULATOR"`
	SimulatorSecret string   `help:"The secret of that simulator. Better set the variable." placeholder:"SECRET" env:"ORDERFLOW_SIMULATOR_SECRET"`
}

// Providers are the payment gateways and carriers of a process. The zero value is the
// simulator in this process.
type Providers struct {
	Gateways        []string // names, the one for new charges first
	Carriers        []string // names, the one for new parcels first
	Simulator       string   // the URL of a simulator elsewhere; empty for one in this process
	SimulatorSecret string   // never printed
}

// Providers reads the flags.
func (f ProviderFlags) Providers() Providers {
	return Providers(f)
}

// gatewaySpec is a payment gateway that this build has.
type gatewaySpec struct {
	name      string
	simulated bool // it moves no money
	open      func(*App) charging.Gateway
}

// gatewaySpecs is the one table of payment gateways. A further gateway is a package that
// implements charging.Gateway, and a row here.
func gatewaySpecs() []gatewaySpec {
	return []gatewaySpec{
		{simulator.Default, true, func(a *App) charging.Gateway { return a.simulated.Gateway(simulator.Default) }},
		{simulator.Second, true, func(a *App) charging.Gateway { return a.simulated.Gateway(simulator.Second) }},
	}
}

// carrierSpec is a carrier that this build has.
type carrierSpec struct {
	name      string
	simulated bool // it moves no parcel
	open      func(*App) dispatching.Carrier
}

// carrierSpecs is the one table of carriers. A further carrier is a package that
// implements dispatching.Carrier, and a row here.
func carrierSpecs() []carrierSpec {
	return []carrierSpec{
		{simulator.Default, true, func(a *App) dispatching.Carrier { return a.simulated.Carrier(simulator.Default) }},
		{simulator.Second, true, func(a *App) dispatching.Carrier { return a.simulated.Carrier(simulator.Second) }},
	}
}

// GatewayNames lists the gateways of this build.
func GatewayNames() string {
	var all []string
	for _, s := range gatewaySpecs() {
		all = append(all, s.name)
	}
	return strings.Join(all, ", ")
}

// CarrierNames lists the carriers of this build.
func CarrierNames() string {
	var all []string
	for _, s := range carrierSpecs() {
		all = append(all, s.name)
	}
	return strings.Join(all, ", ")
}

// CheckNamed returns Invalid if a process with these roles would call a provider that
// nobody named: in production the simulator serves only where it is asked for. production
// is the setting that says so.
func (p Providers) CheckNamed(roles Roles, production string) error {
	switch {
	case roles.has(rolePayment) && len(p.Gateways) == 0:
		return domain.Errorf(domain.Invalid, "No payment gateway is named, and this is production (%s). Write --gateways %s (or ORDERFLOW_GATEWAYS=%[2]s) to have payments simulated; no money moves then. This build has %s.",
			production, simulator.Default, GatewayNames())
	case roles.has(roleShipping) && len(p.Carriers) == 0:
		return domain.Errorf(domain.Invalid, "No carrier is named, and this is production (%s). Write --carriers %s (or ORDERFLOW_CARRIERS=%[2]s) to have parcels simulated; none is sent then. This build has %s.",
			production, simulator.Default, CarrierNames())
	}
	return nil
}

// simulatedKinds says, for each kind of provider that the process calls, whether one of
// them is simulated.
func (a *App) simulatedKinds() map[string]bool {
	kinds := map[string]bool{}
	if a.Config.Roles.has(rolePayment) {
		kinds[telemetry.Payment] = slices.ContainsFunc(gatewaySpecs(), func(s gatewaySpec) bool { return s.simulated && slices.Contains(a.Config.Gateways, s.name) })
	}
	if a.Config.Roles.has(roleShipping) {
		kinds[shipping] = slices.ContainsFunc(carrierSpecs(), func(s carrierSpec) bool { return s.simulated && slices.Contains(a.Config.Carriers, s.name) })
	}
	return kinds
}

// SimulatedSays returns what a person must know when providers are simulated, for the
// start-up message.
func (a *App) SimulatedSays() (texts []string) {
	kinds := a.simulatedKinds()
	if kinds[telemetry.Payment] {
		texts = append(texts, "Payments go to the simulator: no money moves.")
	}
	if kinds[shipping] {
		texts = append(texts, "Parcels go to the simulator: nothing is sent.")
	}
	return texts
}

// withDefaults names the providers of a process that was told none.
func (p Providers) withDefaults() Providers {
	if len(p.Gateways) == 0 {
		p.Gateways = []string{simulator.Default}
	}
	if len(p.Carriers) == 0 {
		p.Carriers = []string{simulator.Default}
	}
	return p
}

// check refuses providers that this build lacks, and a fleet whose processes would each
// have a simulator of their own: they would charge an order twice. See docs/adr/014.
func (p Providers) check(roles Roles) error {
	if err := checkNames("gateway", "--gateways", p.Gateways, GatewayNames()); err != nil {
		return err
	}
	if err := checkNames("carrier", "--carriers", p.Carriers, CarrierNames()); err != nil {
		return err
	}
	calls := roles.has(rolePayment) || roles.has(roleShipping)
	if !roles.all() && calls && p.Simulator == "" {
		return domain.Errorf(domain.Invalid, "The processes of a fleet share one simulator: start `orderflow simulator`, and say where it is with --simulator.")
	}
	if p.Simulator != "" {
		client, err := remote.NewClient(p.Simulator, p.SimulatorSecret)
		if err != nil {
			return err
		}
		client.Close()
	}
	return nil
}

func checkNames(what, flag string, names []string, known string) error {
	for i, name := range names {
		switch {
		case !slices.Contains(strings.Split(known, ", "), name):
			return domain.Errorf(domain.Invalid, "This build has no %s %q (%s); it has %s.", what, name, flag, known)
		case slices.Contains(names[:i], name):
			return domain.Errorf(domain.Invalid, "The %s %s is named twice (%s).", what, name, flag)
		}
	}
	return nil
}

// simulated is the simulator, in this process or elsewhere.
type simulated interface {
	Gateway(name string) charging.Gateway
	Carrier(name string) dispatching.Carrier
}

// openSimulator opens the simulator if a role of the process calls providers.
func (a *App) openSimulator() (err error) {
	if !a.Config.Roles.has(rolePayment) && !a.Config.Roles.has(roleShipping) {
		return nil
	}
	if p := a.Config.Providers; p.Simulator != "" {
		client, err := remote.NewClient(p.Simulator, p.SimulatorSecret)
		if err != nil {
			return err
		}
		a.simulated = client
		a.onClose(func() error { client.Close(); return nil })
		return nil
	}
	if a.Simulator, err = simulator.Open(a.Config.SimulatorDir(), a.Config.Simulator); err != nil {
		return err
	}
	a.simulated = a.Simulator
	a.onClose(a.Simulator.Close)
	return nil
}

// guardedGateway is a gateway behind its guard, and the guard's name in metrics.
type guardedGateway struct {
	*resilience.Gateway
	metric string
}

// guardedCarrier is a carrier behind its guard, and the guard's name in metrics.
type guardedCarrier struct {
	*resilience.Carrier
	metric string
}

// openGateways puts each gateway behind a guard of its own.
func (a *App) openGateways() charging.Gateways {
	all := charging.Gateways{First: a.Config.Gateways[0], Named: map[string]charging.Gateway{}}
	for _, name := range a.Config.Gateways {
		i := slices.IndexFunc(gatewaySpecs(), func(s gatewaySpec) bool { return s.name == name })
		metric := metricName(telemetry.Payment, name, all.First)
		g := resilience.NewGateway(gatewaySpecs()[i].open(a), a.guard(metric))
		a.gateways = append(a.gateways, guardedGateway{g, metric})
		all.Named[name] = g
	}
	return all
}

// openCarriers puts each carrier behind a guard of its own.
func (a *App) openCarriers() dispatching.Carriers {
	all := dispatching.Carriers{First: a.Config.Carriers[0], Named: map[string]dispatching.Carrier{}}
	for _, name := range a.Config.Carriers {
		i := slices.IndexFunc(carrierSpecs(), func(s carrierSpec) bool { return s.name == name })
		metric := metricName(shipping, name, all.First)
		c := resilience.NewCarrier(carrierSpecs()[i].open(a), a.guard(metric))
		a.carriers = append(a.carriers, guardedCarrier{c, metric})
		all.Named[name] = c
	}
	return all
}

func (a *App) guard(metric string) resilience.Options {
	return resilience.Options{Name: metric, OpenFor: a.Config.BreakerOpen, Observer: a.providerObserver(metric)}
}

// metricName returns the name of a guard in metrics: the first provider of a kind has
// the kind's, the others have their own behind it.
func metricName(kind, name, first string) string {
	if name == first {
		return kind
	}
	return kind + ":" + name
}

// Gateway returns the guard of the gateway for new charges; nil without the role payment.
func (a *App) Gateway() *resilience.Gateway {
	if len(a.gateways) == 0 {
		return nil
	}
	return a.gateways[0].Gateway
}

// Carrier returns the guard of the carrier for new parcels; nil without the role shipping.
func (a *App) Carrier() *resilience.Carrier {
	if len(a.carriers) == 0 {
		return nil
	}
	return a.carriers[0].Carrier
}
