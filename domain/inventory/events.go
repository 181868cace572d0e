// Package inventory decides about the stock of one warehouse. A warehouse is
// one consistency boundary, so that an order is reserved all or nothing by one event.
package inventory

import (
	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Event is a fact about the stock of one warehouse.
//
//sumtype:decl
type Event interface {
	eventlog.Typed
	isInventory()
}

// Codec lists every event a stock stream may hold; add cases, never edit them.
var Codec = eventlog.NewCodec[Event](Received{}, Adjusted{}, Reserved{}, Refused{}, Released{}, Committed{}, Returned{}).
	WithReader(Reserved{}, func(r *eventlog.JSONReader) Event { o, u := readOrderUnits(r); return Reserved{o, u} }).
	WithReader(Committed{}, func(r *eventlog.JSONReader) Event { o, u := readOrderUnits(r); return Committed{o, u} })

// Units is a number of units of one article. In an event every SKU stands at most once.
type Units struct {
	SKU      domain.SKU `json:"sku"`
	Quantity int64      `json:"qty"`
}

// Received says goods arrived.
type Received struct {
	Receipt string  `json:"receipt"` // the id of the delivery; the same again is no news
	Units   []Units `json:"units"`
}

// Adjusted says a count corrected the stock: up or down, never below what is reserved.
type Adjusted struct {
	Adjustment string     `json:"adjustment"` // the id of the correction; the same again is no news
	SKU        domain.SKU `json:"sku"`
	Delta      int64      `json:"delta"` // units, positive or negative
	Reason     string     `json:"reason,omitempty"`
}

// Reserved says all that an order needs is set aside for it.
type Reserved struct {
	Order domain.OrderID `json:"order"`
	Units []Units        `json:"units"`
}

// Shortage is an article of which an order wanted more than there was.
type Shortage struct {
	SKU       domain.SKU `json:"sku"`
	Wanted    int64      `json:"wanted"`
	Available int64      `json:"available"`
}

// Refused says an order was short of something, and of what; nothing was set aside.
type Refused struct {
	Order domain.OrderID `json:"order"`
	Short []Shortage     `json:"short"`
}

// Released says what was set aside for an order is free again.
type Released struct {
	Order domain.OrderID `json:"order"`
	Units []Units        `json:"units"`
}

// Committed says what was set aside for an order has left the warehouse's books.
type Committed struct {
	Order domain.OrderID `json:"order"`
	Units []Units        `json:"units"`
}

// Returned says goods of an order came back and are available again.
type Returned struct {
	Order  domain.OrderID `json:"order"`
	Return string         `json:"return"` // the id of the return, unique within the order
	Units  []Units        `json:"units"`
}

func (Received) EventType() string  { return "stock.received.v1" }
func (Adjusted) EventType() string  { return "stock.adjusted.v1" }
func (Reserved) EventType() string  { return "stock.reserved.v1" }
func (Refused) EventType() string   { return "stock.refused.v1" }
func (Released) EventType() string  { return "stock.released.v1" }
func (Committed) EventType() string { return "stock.committed.v1" }
func (Returned) EventType() string  { return "stock.returned.v1" }

func (Received) isInventory()  {}
func (Adjusted) isInventory()  {}
func (Reserved) isInventory()  {}
func (Refused) isInventory()   {}
func (Released) isInventory()  {}
func (Committed) isInventory() {}
func (Returned) isInventory()  {}

// Category is the category of stock streams.
const Category = "stock"

// Stream names the stock of one warehouse.
func Stream(w domain.Warehouse) eventlog.Stream { return eventlog.Stream(Category + "-" + string(w)) }
