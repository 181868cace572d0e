package charging

import (
	"orderflow/domain"
	"orderflow/domain/payment"
)

// Gateways are the payment gateways that the saga can call, by the names that events
// record.
type Gateways struct {
	First string // of a new charge
	Named map[string]Gateway
}

// OneGateway returns the gateways of a saga that has one.
func OneGateway(name string, g Gateway) Gateways {
	return Gateways{First: name, Named: map[string]Gateway{name: g}}
}

// of returns the gateway of a payment: the one that was called for it first, which alone
// knows the key of its charge. It is Unavailable if the process does not have that one.
func (g Gateways) of(id domain.OrderID, p payment.State) (string, Gateway, error) {
	name := p.Gateway
	if name == "" {
		name = g.First
	}
	gateway, ok := g.Named[name]
	if !ok {
		return "", nil, domain.Errorf(domain.Unavailable, "The payment of order %s was begun at the gateway %q, which this process does not have; name it in --gateways.", id, name)
	}
	return name, gateway, nil
}
