package catalog

import (
	"orderflow/domain"
	"orderflow/domain/decider"
)

// Decision is about one article.
type Decision = decider.Decision[State, Event]

// List puts an article on sale, or back on sale. Listing it as it stands is no
// news; another name or price for a listed article is Rejected: reprice it.
func List(sku domain.SKU, name string, price domain.Money) Decision {
	return func(s State) ([]Event, error) {
		if s.Listed {
			if s.Name != name || s.Price != price {
				return nil, domain.Errorf(domain.Rejected, "%s is listed already as %q at %s; reprice it, or delist it first.", sku, s.Name, s.Price)
			}
			return nil, nil
		}
		if err := domain.CheckName("The SKU", string(sku)); err != nil {
			return nil, err
		}
		if err := domain.CheckText("The name", name); err != nil {
			return nil, err
		}
		if err := checkPrice(price); err != nil {
			return nil, err
		}
		return []Event{Listed{SKU: sku, Name: name, Price: price}}, nil
	}
}

// Reprice changes the price of a listed article; its currency stays.
func Reprice(price domain.Money) Decision {
	return func(s State) ([]Event, error) {
		if err := mustBeListed(s); err != nil {
			return nil, err
		}
		if err := checkPrice(price); err != nil {
			return nil, err
		}
		switch {
		case price == s.Price:
			return nil, nil
		case price.Currency != s.Price.Currency:
			return nil, domain.Errorf(domain.Rejected, "%s is sold in %s, not %s.", s.SKU, s.Price.Currency, price.Currency)
		}
		return []Event{Repriced{Price: price}}, nil
	}
}

// Delist takes an article off sale; orders placed before stay as they are.
func Delist() Decision {
	return func(s State) ([]Event, error) {
		if s.Known && !s.Listed {
			return nil, nil
		}
		if err := mustBeListed(s); err != nil {
			return nil, err
		}
		return []Event{Delisted{}}, nil
	}
}

func mustBeListed(s State) error {
	switch {
	case !s.Known:
		return domain.Errorf(domain.NotFound, "There is no such product.")
	case !s.Listed:
		return domain.Errorf(domain.Rejected, "%s is not on sale.", s.SKU)
	}
	return nil
}

func checkPrice(p domain.Money) error {
	if err := domain.CheckPrice("The price", p); err != nil {
		return err
	}
	return domain.CheckCurrency(p.Currency)
}
