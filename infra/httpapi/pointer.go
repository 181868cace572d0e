package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"orderflow/internal/strictjson"
)

// wrongType says that a member has a value of another type than it must have,
// in the words of JSON.
func wrongType(data []byte, e *json.UnmarshalTypeError) ProblemDetail {
	want := "a number"
	switch e.Type.Kind() {
	case reflect.Struct, reflect.Map:
		want = "an object"
	case reflect.Slice:
		want = "an array"
	case reflect.String:
		want = "a string"
	case reflect.Int64, reflect.Int:
		want = "an integer"
	default:
	}
	have := "the " + clip(e.Value) // "number 1.5"
	switch e.Value {
	case "object", "array":
		have = "an " + e.Value
	case "string", "number":
		have = "a " + e.Value
	case "bool":
		have = "a boolean"
	}
	return ProblemDetail{
		Pointer: strictjson.PointerAt(data, bodyLimits(), int(e.Offset-1), clip[[]byte]), // Offset is past the value, or past where a list or an object begins
		Detail:  fmt.Sprintf("expected %s, not %s", want, have),
	}
}

// unmarshal is json.Unmarshal for huma, which passes on no more of an error
// than its text: that is then the pointer, a space and the detail.
func unmarshal(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		d := wrongType(data, e)
		return fmt.Errorf("%s %s", d.Pointer, d.Detail) // and not the cause, which speaks of Go
	}
	return err
}

// detailOfHuma translates one fault that huma found: it writes places as in
// body.lines[3].quantity or query.limit.
func detailOfHuma(d *huma.ErrorDetail) ProblemDetail {
	out := ProblemDetail{Detail: d.Message}
	if d.Location == "body" && strings.HasPrefix(d.Message, "/") {
		out.Pointer, out.Detail, _ = strings.Cut(d.Message, " ") // of unmarshal
		return out
	}
	in, rest, _ := strings.Cut(d.Location, ".")
	if in == "body" || strings.HasPrefix(in, "body[") {
		out.Pointer = pointerOf(strings.TrimPrefix(d.Location, "body"), d.Value)
		return out
	}
	out.Parameter = rest
	return out
}

// pointerOf turns .lines[3].quantity into /lines/3/quantity. A member that
// should not be there may have any name; value is then the object it is in.
func pointerOf(place string, value any) string {
	var last string
	if object, ok := value.(map[string]any); ok {
		for name := range object {
			if len(name) >= len(last) && strings.HasSuffix(place, "."+name) {
				last = name
			}
		}
		place = strings.TrimSuffix(place, "."+last)
	}
	var p strings.Builder
	for part := range strings.FieldsFuncSeq(place, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		p.WriteString("/" + strictjson.Escape(part))
	}
	if last != "" {
		p.WriteString("/" + strictjson.Escape(last))
	}
	return p.String()
}
