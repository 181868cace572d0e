package client

// PlaceLine is an article and how many units of it.
type PlaceLine struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// orderLine is a line of an order, as the API shows it.
type orderLine struct {
	Line       int    `json:"line"`
	SKU        string `json:"sku"`
	Name       string `json:"name,omitempty"`
	Quantity   int64  `json:"quantity"`
	PriceMinor int64  `json:"price_minor"`
	Returned   int64  `json:"returned,omitempty"`
}
