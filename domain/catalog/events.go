// Package catalog decides about one article on sale. Prices come from here and
// from no other place.
package catalog

import (
	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Event is a fact about one article on sale.
//
//sumtype:decl
type Event interface {
	eventlog.Typed
	isCatalog()
}

// Codec lists every event a product stream may hold; add cases, never edit them.
var Codec = eventlog.NewCodec[Event](Listed{}, Repriced{}, Delisted{})

// Listed says an article is on sale.
type Listed struct {
	SKU   domain.SKU   `json:"sku"`
	Name  string       `json:"name"`
	Price domain.Money `json:"price"` // of one unit
}

// Repriced says an article costs something else from now on.
type Repriced struct {
	Price domain.Money `json:"price"`
}

// Delisted says an article is no longer on sale.
type Delisted struct{}

func (Listed) EventType() string   { return "product.listed.v1" }
func (Repriced) EventType() string { return "product.repriced.v1" }
func (Delisted) EventType() string { return "product.delisted.v1" }

func (Listed) isCatalog()   {}
func (Repriced) isCatalog() {}
func (Delisted) isCatalog() {}

// Category is the category of product streams.
const Category = "product"

// Stream names the events of one article.
func Stream(sku domain.SKU) eventlog.Stream { return eventlog.Stream(Category + "-" + string(sku)) }
