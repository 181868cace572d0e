package commands

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"orderflow/domain"
)

// fingerprint digests a request, so that a repeat can be told from another request
// under the same key. All fields take part, by how they are encoded, except those
// tagged `fingerprint:"-"`.
//
// The digest is stored and must not change for requests that were sent before. The
// fields of the first version are tagged `fingerprint:"v1"` and make the first parts:
// texts and numbers, even if empty; then each struct that is there, after its name;
// then the elements of each list. All other fields that are not zero are one last part,
// as JSON: a new field changes no digest of a request that does not have it.
func fingerprint(request any) (string, error) {
	v := reflect.ValueOf(request)
	parts, err := firstParts(v)
	if err != nil {
		return "", err
	}
	if rest := laterFields(v); rest != nil {
		text, err := json.Marshal(rest) // of maps, whose keys are sorted
		if err != nil {
			return "", domain.Wrap(domain.Internal, err, "The request cannot be encoded")
		}
		parts = append(parts, string(text))
	}
	return domain.Digest(parts...), nil
}

const firstVersion = "v1"

// firstParts returns the parts of the first version.
func firstParts(v reflect.Value) (parts []string, err error) {
	var structs, lists []string
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Tag.Get("fingerprint") != firstVersion {
			continue
		}
		value, nested := v.Field(i), []string(nil)
		pointer := value.Kind() == reflect.Pointer
		if pointer && value.Type().Elem().Kind() == reflect.Struct {
			if !value.IsNil() {
				nested, err = firstParts(value.Elem())
				structs = append(append(structs, jsonName(f)), nested...)
			}
		} else if value.Kind() == reflect.Slice {
			for j := range value.Len() {
				if nested, err = firstParts(value.Index(j)); err != nil {
					break
				}
				lists = append(lists, nested...)
			}
		} else {
			var text string
			text, err = scalarText(value)
			parts = append(parts, text)
		}
		if err != nil {
			return nil, err
		}
	}
	return append(append(parts, structs...), lists...), nil
}

// scalarText returns a text or a number as the first version has it; empty for a nil pointer.
func scalarText(v reflect.Value) (string, error) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "", nil
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.String {
		return v.String(), nil
	}
	if v.CanInt() {
		return strconv.FormatInt(v.Int(), 10), nil
	}
	return "", domain.Errorf(domain.Internal, "A field of the type %s cannot be tagged %q; leave the tag out.", v.Type(), firstVersion)
}

// laterFields returns the fields that are not zero and not of the first version, with
// all below them, as encoding/json takes them; nil if there are none. Elements of a list
// that have such fields are named by their place.
func laterFields(v reflect.Value) any {
	rest := map[string]any{}
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return laterFields(v.Elem())
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			if below := laterFields(v.Index(i)); below != nil {
				rest[strconv.Itoa(i)] = below
			}
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			switch tag := f.Tag.Get("fingerprint"); {
			case tag == "-", !f.IsExported():
			case tag == firstVersion:
				if below := laterFields(v.Field(i)); below != nil {
					rest[jsonName(f)] = below
				}
			case !v.Field(i).IsZero():
				rest[jsonName(f)] = v.Field(i).Interface()
			}
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return rest
}

// jsonName returns the name of a field on the wire.
func jsonName(f reflect.StructField) string {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
		return name
	}
	return f.Name
}
