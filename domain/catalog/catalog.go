package catalog

import (
	"orderflow/domain"
	"orderflow/domain/decider"
)

// State is what is known of one article on sale.
type State struct {
	SKU    domain.SKU
	Name   string
	Price  domain.Money
	Listed bool
	Known  bool // listed at least once
}

// Decider folds the events of one article.
var Decider = decider.Decider[State, Event]{Evolve: evolve}

func evolve(s State, e Event) State {
	switch e := e.(type) {
	case Listed:
		return State{SKU: e.SKU, Name: e.Name, Price: e.Price, Listed: true, Known: true}
	case Repriced:
		s.Price = e.Price
	case Delisted:
		s.Listed = false
	}
	return s
}
