package httpapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"time"
)

const (
	// tagBytes is how much of the HMAC a cursor carries.
	tagBytes = 16
	// maxCursorBytes bounds a cursor a client sends.
	maxCursorBytes = 1_024
)

// cursors signs the places where lists go on. A cursor belongs to its query:
// the signature covers the list's name and filters.
type cursors struct{ key []byte }

// seal makes place opaque for the query scope.
func (c cursors) seal(scope, place string) string {
	return base64.RawURLEncoding.EncodeToString(append(c.tag(scope, place), place...))
}

// open returns the place a cursor names; what was not sealed for scope is refused.
func (c cursors) open(scope, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	if len(cursor) <= maxCursorBytes {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
		if err == nil && len(raw) > tagBytes {
			place := string(raw[tagBytes:])
			if hmac.Equal(raw[:tagBytes], c.tag(scope, place)) {
				return place, nil
			}
		}
	}
	return "", problem("invalid-cursor", "The cursor was altered or belongs to another query.")
}

func (c cursors) tag(scope, place string) []byte {
	h := hmac.New(sha256.New, c.key)
	h.Write([]byte(scope))
	h.Write([]byte{0})
	h.Write([]byte(place))
	return h.Sum(nil)[:tagBytes]
}

// paging lists the query parameters that say which part of a list is wanted, and how new
// it must be. All others are filters.
func paging() []string { return []string{"cursor", "limit", "position"} }

// filtersOf returns the filters that the input of a list operation has, by the names that
// its fields have in the query. The cursor and the link to the next page carry them, so a
// filter that is added to the input is in both. Fields with the zero value were left out.
func filtersOf(input any) url.Values {
	filters := url.Values{}
	v := reflect.Indirect(reflect.ValueOf(input))
	for _, field := range reflect.VisibleFields(v.Type()) {
		name := field.Tag.Get("query")
		if name == "" || slices.Contains(paging(), name) || v.FieldByIndex(field.Index).IsZero() {
			continue
		}
		value := v.FieldByIndex(field.Index).Interface()
		if t, ok := value.(time.Time); ok {
			value = t.UTC().Format(time.RFC3339Nano)
		}
		filters.Set(name, fmt.Sprint(value))
	}
	return filters
}

// scopeOf names a query by its path and the filters that are not about paging.
func scopeOf(path string, filters url.Values) string {
	return path + "?" + filters.Encode() // Encode sorts
}

// nextLink returns the Link header of the page after this one, or empty.
func nextLink(path string, filters url.Values, limit, cursor string) string {
	if cursor == "" {
		return ""
	}
	q := url.Values{}
	for k, v := range filters {
		q[k] = v
	}
	q.Set("cursor", cursor)
	if limit != "" && limit != "0" {
		q.Set("limit", limit)
	}
	return "<" + path + "?" + q.Encode() + `>; rel="next"`
}
