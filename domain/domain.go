// Package domain is the shared vocabulary: identifiers, money and the kinds of
// error every layer understands. It imports only the standard library.
package domain

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"unicode"
	"unicode/utf8"
)

// OrderID names one order: "ord_" and 26 lower-case letters and digits.
type OrderID string

// CustomerID names one customer; it is opaque and at most [MaxNameBytes] long.
type CustomerID string

// SKU names one kind of article exactly as it stands, case and inner spaces included.
type SKU string

// Warehouse names one place that holds stock; one warehouse is one consistency boundary.
type Warehouse string

// Limits on what a request may name.
const (
	// MaxNameBytes bounds every identifier and short text a client sends, in bytes.
	MaxNameBytes = 128
	// MaxTextBytes bounds every free text a client sends (reasons, descriptions), in bytes.
	MaxTextBytes = 512
	// MaxLines bounds the lines of one order, return or receipt.
	MaxLines = 2_000
	// MaxQuantity bounds the units of one line.
	MaxQuantity = 100_000
)

// DefaultWarehouse is where stock is kept unless a request says otherwise.
const DefaultWarehouse Warehouse = "main"

// idEncoding keeps identifiers lower case and free of signs that a URL would escape.
var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewOrderID derives the order's id from who asks and the key of the request,
// so that placing twice is placing once whatever the network did.
func NewOrderID(customer CustomerID, idempotencyKey string) OrderID {
	return OrderID("ord_" + Digest("order", string(customer), idempotencyKey))
}

// Digest names its parts by 26 characters (130 bits of SHA-256); the parts are
// kept apart, so ("a","bc") and ("ab","c") differ.
func Digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		var size [8]byte
		for i, n := 0, len(p); i < len(size); i, n = i+1, n>>8 {
			size[i] = byte(n)
		}
		h.Write(size[:])
		h.Write([]byte(p))
	}
	return idEncoding.EncodeToString(h.Sum(nil)[:17])[:26]
}

// CheckName refuses a text that cannot serve as an identifier: empty, over
// [MaxNameBytes], with control characters, or with space at either end.
func CheckName(what, s string) error {
	switch {
	case s == "":
		return Errorf(Invalid, "%s is missing.", what)
	case len(s) > MaxNameBytes:
		return Errorf(Invalid, "%s has %d bytes; at most %d are allowed.", what, len(s), MaxNameBytes)
	case strings.TrimSpace(s) != s:
		return Errorf(Invalid, "%s begins or ends with a space.", what)
	}
	return checkPrintable(what, s)
}

// CheckText refuses a free text that is over [MaxTextBytes] or has control characters; empty is fine.
func CheckText(what, s string) error {
	if len(s) > MaxTextBytes {
		return Errorf(Invalid, "%s has %d bytes; at most %d are allowed.", what, len(s), MaxTextBytes)
	}
	return checkPrintable(what, s)
}

func checkPrintable(what, s string) error {
	if !utf8.ValidString(s) {
		return Errorf(Invalid, "%s is not valid UTF-8.", what)
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return Errorf(Invalid, "%s contains a control character.", what)
	}
	return nil
}
