package httpapi

import (
	"orderflow/commands"
	"orderflow/domain"
	"orderflow/readmodels"
)

// placeLine is one article that a customer wants.
type placeLine struct {
	SKU      domain.SKU `json:"sku" minLength:"1" maxLength:"128"`
	Quantity int64      `json:"quantity" minimum:"1" maximum:"100000" doc:"In units"`
}

// lineDepth is how deep a line is in the body: the object in the list in the object.
const lineDepth = 3

// isLineMember reports whether a line that a customer wants has a member.
func isLineMember(name []byte) bool {
	switch string(name) {
	case "sku", "quantity":
		return true
	}
	return false
}

// check tells add what is wrong with which member.
func (l placeLine) check(add func(member string, err error)) {
	if err := domain.CheckName("The SKU", string(l.SKU)); err != nil {
		add("sku", err)
	}
	if l.Quantity < 1 || l.Quantity > domain.MaxQuantity {
		add("quantity", domain.Errorf(domain.Invalid, "A line asks for 1 to %d units, not %d.", domain.MaxQuantity, l.Quantity))
	}
}

// commandLines returns the lines of a request as the command has them.
func commandLines(lines []placeLine) []commands.OrderLine {
	all := make([]commands.OrderLine, len(lines))
	for i, l := range lines {
		all[i] = commands.OrderLine{SKU: l.SKU, Quantity: l.Quantity}
	}
	return all
}

// orderLine is one article of an order.
type orderLine struct {
	Line       int        `json:"line" doc:"Counts from 0; returns name it"`
	SKU        domain.SKU `json:"sku"`
	Name       string     `json:"name,omitempty"`
	Quantity   int64      `json:"quantity" doc:"In units"`
	PriceMinor int64      `json:"price_minor" doc:"Of one unit, in minor units of the order's currency"`
	Returned   int64      `json:"returned,omitempty" doc:"Units that came back"`
}

// orderLinesOf returns the lines of an order as the API shows them.
func orderLinesOf(lines []readmodels.OrderLine) []orderLine {
	all := make([]orderLine, len(lines))
	for i, l := range lines {
		all[i] = orderLine{Line: i, SKU: l.SKU, Name: l.Name, Quantity: l.Quantity, PriceMinor: l.PriceMinor, Returned: l.Returned}
	}
	return all
}
