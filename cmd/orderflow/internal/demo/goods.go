package demo

import (
	"fmt"
	"math/rand/v2"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/domain"
)

// goods is one article of the demonstration's shop.
type goods struct {
	sku   string
	name  string
	minor int64 // pence
	share int   // of a hundred orders, so many want it; 0 is seldom
}

// demoGoods are what the shop sells. The last one is scarce: there is enough
// for a few orders only.
func demoGoods() []goods {
	return []goods{
		{"MUG-BLUE", "Blue enamel mug", 850, 20},
		{"TEAPOT-2L", "Teapot, two litres", 2450, 10},
		{"LANTERN-RED", "Red paper lantern", 365, 25},
		{"LUNCH-BAG", "Lunch bag, dotted", 165, 30},
		{"CAKE-STAND", "Cake stand, three tiers", 1275, 15},
		{"BUNTING", "Party bunting", 495, 25},
		{"CANDLE-TIN", "Candle in a tin", 145, 30},
		{"CLOCK-ALARM", "Alarm clock, bakelite", 375, 12},
		{"JAM-JARS-6", "Six jam jars", 695, 15},
		{"APRON-OAK", "Apron, oak leaf", 1095, 8},
		{"DOORMAT", "Doormat, hearts", 795, 10},
		{"GLOBE-LAST", "Antique globe, the last ones", 18900, 6},
	}
}

const (
	scarceUnits = 4 // of the last article
	// plentyUnits of every other article, for each order of the demonstration.
	plentyUnits = 12
	// maxDemoLines and maxDemoQuantity bound an order of the demonstration.
	maxDemoLines    = 6
	maxDemoQuantity = 5
)

// tokens are the means of payment of a hundred customers. The simulated
// gateway does what a token says; all others are paid.
func tokens() []string {
	odd := []string{
		"tok_decline", "tok_decline", "tok_insufficient_funds",
		"tok_lose_reply_once", "tok_fail_once", "tok_twice", "tok_unavailable_once",
	}
	all := make([]string, 100)
	for i := range all {
		all[i] = "tok_visa"
	}
	copy(all, odd)
	return all
}

// draw makes up one order.
func draw(chance *rand.Rand, shop []goods) client.PlaceBody {
	body := client.PlaceBody{
		Customer:     fmt.Sprintf("customer-%02d", chance.IntN(40)),
		PaymentToken: tokens()[chance.IntN(100)],
	}
	for _, i := range chance.Perm(len(shop)) {
		if len(body.Lines) < maxDemoLines && chance.IntN(100) < shop[i].share {
			body.Lines = append(body.Lines, client.PlaceLine{SKU: shop[i].sku, Quantity: 1 + chance.Int64N(maxDemoQuantity)})
		}
	}
	if len(body.Lines) == 0 {
		body.Lines = []client.PlaceLine{{SKU: shop[0].sku, Quantity: 1}}
	}
	return body
}

func (g goods) price() domain.Money { return domain.GBP(g.minor) }
