package kafka_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.yaml.in/yaml/v4"
)

// node is a piece of a document that was read from JSON or YAML.
type node = map[string]any

// document is asyncapi.yaml.
type document struct{ root node }

func readDocument(t testing.TB) document {
	t.Helper()
	text, err := os.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var raw any
	if err := yaml.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(asJSON, &d.root); err != nil {
		t.Fatal(err)
	}
	return d
}

// at follows names from the root; what is not there is nil.
func (d document) at(names ...string) node {
	at := d.root
	for _, name := range names {
		at, _ = at[name].(node)
	}
	return d.resolved(at)
}

// resolved follows references.
func (d document) resolved(n node) node {
	for n["$ref"] != nil {
		ref, _ := n["$ref"].(string)
		n = d.target(ref)
	}
	return n
}

func (d document) target(ref string) node {
	at := d.root
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		at, _ = at[name].(node)
	}
	return at
}

// check says what is wrong with a value by a schema: the part of JSON Schema
// that the document uses.
func (d document) check(schema node, value any, where string) (wrongs []string) {
	schema = d.resolved(schema)
	wrong := func(format string, args ...any) { wrongs = append(wrongs, where+" "+fmt.Sprintf(format, args...)) }
	if all, ok := schema["allOf"].([]any); ok {
		for _, one := range all {
			wrongs = append(wrongs, d.check(one.(node), value, where)...)
		}
	}
	if want, ok := schema["type"].(string); ok && !isOf(want, value) {
		wrong("is %T, not %s", value, want)
		return wrongs
	}
	if want, ok := schema["const"]; ok && !reflect.DeepEqual(want, value) {
		wrong("is %v, not %v", value, want)
	}
	if among, ok := schema["enum"].([]any); ok && !slices.Contains(among, value) {
		wrong("is %v, not one of %v", value, among)
	}
	text, _ := value.(string)
	if pattern, ok := schema["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(text) {
		wrong("is %q, not %s", text, pattern)
	}
	switch schema["format"] {
	case "date-time":
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
			wrong("is %q, not a time", text)
		}
	case "uuid":
		if _, err := uuid.Parse(text); err != nil {
			wrong("is %q, not a UUID", text)
		}
	}
	object, _ := value.(node)
	for _, name := range texts(schema["required"]) {
		if _, ok := object[name]; !ok {
			wrong("lacks %s", name)
		}
	}
	properties, _ := schema["properties"].(node)
	for name, v := range object {
		if p, ok := properties[name].(node); ok {
			wrongs = append(wrongs, d.check(p, v, where+"."+name)...)
		} else if schema["type"] == "object" {
			wrong("has %s, which is not documented", name)
		}
	}
	list, _ := value.([]any)
	for i, v := range list {
		items, _ := schema["items"].(node)
		wrongs = append(wrongs, d.check(items, v, fmt.Sprintf("%s[%d]", where, i))...)
	}
	return wrongs
}

func isOf(want string, value any) bool {
	switch v := value.(type) {
	case string:
		return want == "string"
	case bool:
		return want == "boolean"
	case float64:
		return want == "number" || want == "integer" && v == math.Trunc(v)
	case node:
		return want == "object"
	case []any:
		return want == "array"
	}
	return false
}

func texts(list any) (all []string) {
	values, _ := list.([]any)
	for _, v := range values {
		all = append(all, fmt.Sprint(v))
	}
	slices.Sort(all)
	return all
}

// agrees says where a schema and a Go type differ.
func (d document) agrees(schema node, t reflect.Type, where string) (wrongs []string) {
	if t.Kind() == reflect.Pointer { // it may be left out
		t = t.Elem()
	}
	schema = d.resolved(schema)
	if all, ok := schema["allOf"].([]any); ok && len(all) == 1 {
		schema = d.resolved(all[0].(node))
	}
	want := map[reflect.Kind]string{
		reflect.String: "string", reflect.Int: "integer", reflect.Int64: "integer", reflect.Bool: "boolean",
		reflect.Struct: "object", reflect.Slice: "array",
	}[t.Kind()]
	if t == reflect.TypeFor[time.Time]() {
		if schema["format"] != "date-time" {
			wrongs = append(wrongs, where+" is a time")
		}
		want = "string"
	}
	if schema["type"] != want {
		return append(wrongs, fmt.Sprintf("%s is documented as %v and is %s", where, schema["type"], want))
	}
	switch want {
	case "array":
		return append(wrongs, d.agrees(schema["items"].(node), t.Elem(), where+"[]")...)
	case "object":
		return append(wrongs, d.agreesObject(schema, t, where)...)
	}
	return wrongs
}

func (d document) agreesObject(schema node, t reflect.Type, where string) (wrongs []string) {
	properties, _ := schema["properties"].(node)
	var required []string
	known := map[string]bool{}
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		known[name] = true
		if !strings.Contains(options, "omitempty") {
			required = append(required, name)
		}
		p, ok := properties[name].(node)
		if !ok {
			wrongs = append(wrongs, where+"."+name+" is not documented")
			continue
		}
		wrongs = append(wrongs, d.agrees(p, t.Field(i).Type, where+"."+name)...)
	}
	for name := range properties {
		if !known[name] {
			wrongs = append(wrongs, where+"."+name+" is documented and does not exist")
		}
	}
	slices.Sort(required)
	if have := texts(schema["required"]); !slices.Equal(have, required) {
		wrongs = append(wrongs, fmt.Sprintf("%s is documented with %v required, and %v are", where, have, required))
	}
	return wrongs
}
