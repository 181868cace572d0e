package decidertest_test

import (
	"fmt"
	"testing"

	"orderflow/domain"
	"orderflow/domain/decider"
	"orderflow/domain/decider/decidertest"
)

// spy is a testing.TB that only takes notes.
type spy struct {
	testing.TB
	notes []string
}

func (s *spy) Helper()                        {}
func (s *spy) Errorf(format string, a ...any) { s.notes = append(s.notes, fmt.Sprintf(format, a...)) }
func (s *spy) Fatalf(format string, a ...any) { s.Errorf(format, a...) }

type state map[string]int

var d = decider.Decider[state, string]{Evolve: func(s state, e string) state {
	if s == nil {
		s = state{}
	}
	s[e]++
	return s
}}

func once(e string) decider.Decision[state, string] {
	return func(s state) ([]string, error) {
		if s[e] > 0 {
			return nil, nil
		}
		return []string{e}, nil
	}
}

func refuse(state) ([]string, error) { return nil, domain.Errorf(domain.Rejected, "no") }

func TestWhatPasses(t *testing.T) {
	decidertest.For(t, d).Given("a").When(once("b")).Then("b")
	decidertest.For(t, d).Given("a").When(once("a")).Then()
	decidertest.For(t, d).When(refuse).ThenFails(domain.Rejected)
}

func TestWhatFails(t *testing.T) {
	for name, scenario := range map[string]func(t testing.TB){
		"other events":      func(t testing.TB) { decidertest.For(t, d).When(once("a")).Then("b") },
		"missing events":    func(t testing.TB) { decidertest.For(t, d).Given("a").When(once("a")).Then("a") },
		"unexpected events": func(t testing.TB) { decidertest.For(t, d).When(once("a")).Then() },
		"an error":          func(t testing.TB) { decidertest.For(t, d).When(refuse).Then() },
		"no error":          func(t testing.TB) { decidertest.For(t, d).When(once("a")).ThenFails(domain.Rejected) },
		"another kind":      func(t testing.TB) { decidertest.For(t, d).When(refuse).ThenFails(domain.Invalid) },
		"not idempotent": func(t testing.TB) {
			decidertest.For(t, d).When(func(state) ([]string, error) { return []string{"a"}, nil }).Then("a")
		},
		"error on repeat": func(t testing.TB) {
			decidertest.For(t, d).When(func(s state) ([]string, error) {
				if s["a"] > 0 {
					return refuse(s)
				}
				return []string{"a"}, nil
			}).Then("a")
		},
		"changed the state": func(t testing.TB) {
			decidertest.For(t, d).Given("a").When(func(s state) ([]string, error) { s["z"] = 1; return nil, nil }).Then()
		},
		"events beside an error": func(t testing.TB) {
			decidertest.For(t, d).When(func(s state) ([]string, error) { _, err := refuse(s); return []string{"a"}, err }).ThenFails(domain.Rejected)
		},
	} {
		t.Run(name, func(t *testing.T) {
			notes := &spy{TB: t}
			if scenario(notes); len(notes.notes) == 0 {
				t.Error("the scenario passed")
			}
		})
	}
}
