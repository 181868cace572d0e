package catalog_test

import (
	"math"
	"testing"

	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/decider/decidertest"
	"orderflow/domain/eventlog/eventlogtest"
)

var (
	listed   = catalog.Listed{SKU: "85123A", Name: "HOLDER", Price: domain.GBP(255)}
	repriced = catalog.Repriced{Price: domain.GBP(299)}
	delisted = catalog.Delisted{}
	relisted = catalog.Listed{SKU: "85123A", Name: "HOLDER II", Price: domain.GBP(199)}
)

func given(t *testing.T, events ...catalog.Event) *decidertest.Scenario[catalog.State, catalog.Event] {
	return decidertest.For(t, catalog.Decider).Given(events...)
}

func TestList(t *testing.T) {
	list := catalog.List(listed.SKU, listed.Name, listed.Price)
	given(t).When(list).Then(listed)
	given(t, listed).When(list).Then()
	given(t, listed, repriced).When(list).ThenFails(domain.Rejected)
	given(t, listed).When(catalog.List("85123A", "OTHER", domain.GBP(255))).ThenFails(domain.Rejected)
	given(t, listed, delisted).When(catalog.List(relisted.SKU, relisted.Name, relisted.Price)).Then(relisted)
	given(t).When(catalog.List("", "x", domain.GBP(1))).ThenFails(domain.Invalid)
	given(t).When(catalog.List("a", "x\n", domain.GBP(1))).ThenFails(domain.Invalid)
	given(t).When(catalog.List("a", "x", domain.GBP(-1))).ThenFails(domain.Invalid)
	given(t).When(catalog.List("a", "x", domain.Money{Minor: 1})).ThenFails(domain.Invalid)
	given(t).When(catalog.List("a", "x", domain.GBP(domain.MaxPriceMinor))).Then(catalog.Listed{SKU: "a", Name: "x", Price: domain.GBP(domain.MaxPriceMinor)})
	given(t).When(catalog.List("a", "x", domain.GBP(domain.MaxPriceMinor+1))).ThenFails(domain.Invalid)
	given(t).When(catalog.List("a", "x", domain.GBP(math.MaxInt64))).ThenFails(domain.Invalid)
	given(t).When(catalog.List("a", "", domain.GBP(0))).Then(catalog.Listed{SKU: "a", Price: domain.GBP(0)})
}

func TestReprice(t *testing.T) {
	reprice := catalog.Reprice(repriced.Price)
	given(t, listed).When(reprice).Then(repriced)
	given(t, listed, repriced).When(reprice).Then()
	given(t).When(reprice).ThenFails(domain.NotFound)
	given(t, listed, delisted).When(reprice).ThenFails(domain.Rejected)
	given(t, listed).When(catalog.Reprice(domain.Money{Minor: 299, Currency: "EUR"})).ThenFails(domain.Rejected)
	given(t, listed).When(catalog.Reprice(domain.GBP(-1))).ThenFails(domain.Invalid)
	given(t, listed).When(catalog.Reprice(domain.GBP(domain.MaxPriceMinor + 1))).ThenFails(domain.Invalid)
}

func TestDelist(t *testing.T) {
	given(t, listed).When(catalog.Delist()).Then(delisted)
	given(t, listed, delisted).When(catalog.Delist()).Then()
	given(t, listed, delisted, relisted).When(catalog.Delist()).Then(delisted)
	given(t).When(catalog.Delist()).ThenFails(domain.NotFound)
}

func TestPriceIsTheLastOne(t *testing.T) {
	s := catalog.Decider.Fold(catalog.State{}, listed, repriced)
	if s.Price != repriced.Price || s.Name != listed.Name || !s.Listed {
		t.Errorf("%+v", s)
	}
	if s = catalog.Decider.Fold(s, delisted, relisted); s.Price != relisted.Price || s.Name != relisted.Name || !s.Listed {
		t.Errorf("%+v", s)
	}
}

func TestStoredForms(t *testing.T) {
	eventlogtest.Golden[catalog.Event](t, catalog.Codec, listed, repriced, delisted)
}
