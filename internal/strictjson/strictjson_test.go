package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"orderflow/internal/strictjson"
)

var limits = strictjson.Limits{Depth: 3, Members: 3, Values: 6}

func TestCheck(t *testing.T) {
	for text, want := range map[string]strictjson.Fault{
		`{"a":1,"b":[1,2],"c":{}}`: "", `1`: "", ` "x" `: "", `[[[]]]`: "", `{"a":{"a":{"a":1}}}`: "",
		``: strictjson.NotJSON, `{`: strictjson.NotJSON, `1 2`: strictjson.NotJSON, `{"a":1,}`: strictjson.NotJSON,
		"\"\xff\"": strictjson.NotUTF8,
		`[[[[]]]]`: strictjson.TooDeep, `{"a":{"a":{"a":{}}}}`: strictjson.TooDeep,
		`{"a":1,"b":2,"c":3,"d":4}`: strictjson.TooMany,
		`[1,2,3,4,5,6]`:             "", `[1,2,3,4,5,6,7]`: strictjson.TooMany, // values
		`[{"a":1},{"a":1},{"a":1}]`: "", `[{"a":1},{"a":1},{"a":1},{"a":1}]`: strictjson.TooMany,
		`{"a":1,"a":2}`: strictjson.Twice, `{"a":1,"\u0061":2}`: strictjson.Twice, `[{"b":{"a":1,"a":2}}]`: strictjson.Twice,
		`{"a":"a","b":"a"}`: "", `{"a":{"a":1}}`: "", `["a","a"]`: "",
		`{"a":1,"A":2}`: "",
		`"\ud800"`:      strictjson.HalfCharacter, `{"\ud83dx":1}`: strictjson.HalfCharacter, `"\ud83d\ude00"`: "",
	} {
		err := strictjson.Check([]byte(text), limits)
		e, ok := errors.AsType[*strictjson.Error](err)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (!ok || e.Fault != want):
			t.Errorf("%s: %v, want %q", text, err, want)
		case want == strictjson.Twice && e.Name != "a":
			t.Errorf("%s: the member that comes twice is %q", text, e.Name)
		}
	}
	folded := limits
	folded.Folded = true
	if e, ok := errors.AsType[*strictjson.Error](strictjson.Check([]byte(`{"a":1,"A":2}`), folded)); !ok || e.Fault != strictjson.Twice {
		t.Error("names that differ in case alone are accepted")
	}
}

func TestMembersAndTheirPlaces(t *testing.T) {
	text := []byte(`{"a":[1,{"b/~":2}],"long":{"c":3}}`)
	shorten := func(name []byte) string { return strings.Replace(string(name), "long", "l", 1) }
	var places []string
	err := strictjson.CheckMembers(text, limits, func(p strictjson.Place, name []byte) error {
		places = append(places, strings.Repeat(".", p.Depth())+string(name)+"="+p.Pointer(shorten))
		return nil
	})
	if got, want := strings.Join(places, " "), ".a=/a ...b/~=/a/1/b~1~0 .long=/l ..c=/l/c"; err != nil || got != want {
		t.Errorf("the members are %s, %v; want %s", got, err, want)
	}
	mine := errors.New("mine")
	if err := strictjson.CheckMembers(text, limits, func(strictjson.Place, []byte) error { return mine }); err != mine { //nolint:errorlint // the same one
		t.Errorf("the function's error became %v", err)
	}
	if p := strictjson.PointerAt(text, limits, strings.Index(string(text), "2"), shorten); p != "/a/1/b~1~0" {
		t.Errorf("2 is at %s", p)
	}
}

// FuzzCheck: what is accepted is JSON, and reading it and writing it again loses no member.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":2}]}`, `{"a":1,"a":2}`, `"\ud800"`, `[[[[`, `1e1000`, `{"a":"\"}"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := strictjson.Limits{Depth: 8, Members: 16, Values: 64}
		if strictjson.Check(data, l) != nil {
			return
		}
		var v any
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber() // 1e1000 is JSON
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%q is accepted and is not JSON: %v", data, err)
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := strictjson.Check(again, l); err != nil {
			t.Fatalf("%q became %q, which is refused: %v", data, again, err)
		}
	})
}
