package eventstoredb

import (
	"reflect"
	"testing"
)

// TestVerdict decides about clusters of three, A to C. before is what led to the
// present state, view by view.
func TestVerdict(t *testing.T) {
	all := []string{"A", "B", "C"}
	says := func(leaders ...string) view { return view{leaders: leaders, members: all} }
	alone := view{leaders: []string{"A"}, members: []string{"A"}}
	none := view{members: all}
	a, b := leadership{"A", []string{"A"}}, leadership{"B", []string{"B"}}
	split := leadership{"B", []string{"A", "B"}}
	for name, c := range map[string]struct {
		before leadership
		views  []view
		first  bool // decided before all have answered
		want   leadership
		sure   bool
	}{
		"nobody answers":                              {before: a},
		"all name one":                                {views: []view{says("A"), says("A"), says("A")}, first: true, want: a, sure: true},
		"two name one":                                {before: a, views: []view{says("B"), says("B")}, first: true, want: b, sure: true},
		"one of three":                                {before: a, views: []view{says("B")}},
		"a former leader that knows nothing":          {before: a, views: []view{says("A"), says("B"), says("B")}, first: true, want: b, sure: true},
		"a former leader that has lost the others":    {before: b, views: []view{alone, says("B"), says("B")}, first: true, want: b, sure: true},
		"one of each":                                 {before: a, views: []view{says("A"), says("B")}},
		"nobody leads":                                {before: a, views: []view{none, none}, want: leadership{}, sure: true},
		"the former leader is still believed":         {before: a, views: []view{says("A"), says("A", "B"), says("A", "B")}, want: split, sure: true},
		"and still":                                   {before: split, views: []view{says("A"), says("A", "B"), says("A", "B")}, want: split, sure: true},
		"and no longer":                               {before: split, views: []view{says("B"), says("B"), says("B")}, first: true, want: b, sure: true},
		"the first leader is back, beside the other":  {before: b, views: []view{says("B"), says("A", "B"), says("A", "B")}, want: leadership{"A", []string{"A", "B"}}, sure: true},
		"two leaders, and nothing is known of before": {views: []view{says("A"), says("A", "B"), says("A", "B")}, want: leadership{"", []string{"A", "B"}}},
		"two leaders after nobody":                    {before: leadership{}, views: []view{says("A", "B"), says("A", "B")}, want: leadership{"", []string{"A", "B"}}},
	} {
		if _, sure := sameView(c.views); sure != c.first {
			t.Errorf("%s: decided at once: %t, want %t", name, sure, c.first)
		}
		v, sure := sameView(c.views)
		if !sure {
			v, sure = findLeader(c.before, c.views)
		}
		if sure != c.sure || sure && !reflect.DeepEqual(v, c.want) {
			t.Errorf("%s: %+v, %t; want %+v, %t", name, v, sure, c.want, c.sure)
		}
	}
}
