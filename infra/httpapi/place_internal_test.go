package httpapi

import (
	"reflect"
	"strings"
	"testing"

	"orderflow/commands"
)

// TestEveryMemberOfALineIsTaken fails for a member of a line that the API documents and
// refuses, or takes and drops.
func TestEveryMemberOfALineIsTaken(t *testing.T) {
	const inLine = 3 // depth: the object in the list in the object
	members := reflect.TypeFor[placeLine]()
	for i := range members.NumField() {
		name, _, _ := strings.Cut(members.Field(i).Tag.Get("json"), ",")
		if p := placeMember(inLine, []byte(name)); p != nil {
			t.Errorf("the member %q is refused: %s", name, p.Detail)
		}
	}
	c, err := readPlace(t.Context(), []byte(`{"customer":"ada","payment_token":"tok","lines":[`+lineWithAll(members)+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]bool{"PriceMinor": true, "Name": true} // of an import, not of a client
	line := reflect.ValueOf(c.Lines[0])
	for i := range line.NumField() {
		if name := line.Type().Field(i).Name; !ours[name] && line.Field(i).IsZero() {
			t.Errorf("%T.%s is not filled from the request", commands.OrderLine{}, name)
		}
	}
}

// lineWithAll is a line with all its members.
func lineWithAll(members reflect.Type) string {
	var all []string
	for i := range members.NumField() {
		name, _, _ := strings.Cut(members.Field(i).Tag.Get("json"), ",")
		value := "1"
		switch members.Field(i).Type.Kind() { //nolint:exhaustive // what a request has
		case reflect.String:
			value = `"A"`
		case reflect.Bool:
			value = "true"
		}
		all = append(all, `"`+name+`":`+value)
	}
	return "{" + strings.Join(all, ",") + "}"
}
