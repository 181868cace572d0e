package domain_test

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain"
)

// The ids are stored: a key that is sent again years later must find the same order.
func TestNewOrderIDIsForEver(t *testing.T) {
	if got, want := domain.NewOrderID("17850", "536365"), domain.OrderID("ord_03pb24qrarpxvbq02f7rb7c265"); got != want {
		t.Errorf("NewOrderID = %s, want %s", got, want)
	}
}

func TestNewOrderID(t *testing.T) {
	form := regexp.MustCompile("^ord_[0-9a-z]{26}$")
	name := rapid.StringN(0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		c1, k1 := domain.CustomerID(name.Draw(t, "customer")), name.Draw(t, "key")
		c2, k2 := domain.CustomerID(name.Draw(t, "other customer")), name.Draw(t, "other key")
		one, two := domain.NewOrderID(c1, k1), domain.NewOrderID(c2, k2)
		if !form.MatchString(string(one)) {
			t.Fatalf("%q does not look like an order", one)
		}
		if (one == two) != (c1 == c2 && k1 == k2) {
			t.Fatalf("(%q, %q) is %s and (%q, %q) is %s", c1, k1, one, c2, k2, two)
		}
	})
	if domain.NewOrderID("a", "bc") == domain.NewOrderID("ab", "c") {
		t.Error("customer and key run into each other")
	}
}

func TestCheckName(t *testing.T) {
	for _, s := range []string{"a", "BANK CHARGES", "17850", "caf\u00e9", strings.Repeat("x", domain.MaxNameBytes)} {
		if err := domain.CheckName("It", s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"", " a", "a ", "a\nb", "a\x00", "\xff", strings.Repeat("x", domain.MaxNameBytes+1)} {
		if err := domain.CheckName("It", s); err == nil || domain.KindOf(err) != domain.Invalid {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestCheckText(t *testing.T) {
	for _, s := range []string{"", " a ", strings.Repeat("x", domain.MaxTextBytes)} {
		if err := domain.CheckText("It", s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"a\tb", "\xff", strings.Repeat("x", domain.MaxTextBytes+1)} {
		if err := domain.CheckText("It", s); err == nil || domain.KindOf(err) != domain.Invalid {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// Kinds cross the wire as numbers and metrics as names: both stay.
func TestKindsKeepTheirNumbersAndNames(t *testing.T) {
	var got []string
	for k := domain.Internal; k <= domain.ReadOnly; k++ {
		got = append(got, fmt.Sprintf("%d %v", k, k))
	}
	want := "0 internal,1 invalid,2 rejected,3 not_found,4 conflict,5 unavailable,6 mismatch,7 unknown,8 exhausted,9 read_only"
	if strings.Join(got, ",") != want {
		t.Errorf("kinds are %v", got)
	}
	if domain.Kind(200).String() != "internal" {
		t.Error("a kind from the future has no name")
	}
}

func TestKindOf(t *testing.T) {
	err := fmt.Errorf("while shipping: %w", domain.Wrap(domain.Rejected, io.EOF, "No."))
	if domain.KindOf(err) != domain.Rejected || !errors.Is(err, io.EOF) || err.Error() != "while shipping: No: EOF" {
		t.Errorf("%v has kind %v", err, domain.KindOf(err))
	}
	if domain.KindOf(io.EOF) != domain.Internal {
		t.Error("an error that is not ours has a kind")
	}
}

func TestErrorJoinsTextAndCause(t *testing.T) {
	for text, want := range map[string]string{
		"The file cannot be opened.": "The file cannot be opened: EOF",
		"the file cannot be opened":  "the file cannot be opened: EOF",
		"Nothing came...":            "Nothing came: EOF",
		"Nothing came. ":             "Nothing came: EOF",
		".":                          "EOF",
		"":                           "EOF",
	} {
		if got := domain.Wrap(domain.Internal, io.EOF, "%s", text).Error(); got != want {
			t.Errorf("%q is printed as %q, want %q", text, got, want)
		}
	}
	if got := domain.Errorf(domain.Invalid, "It is full.").Error(); got != "It is full." {
		t.Errorf("without a cause: %q", got)
	}
	inner := domain.Wrap(domain.Internal, io.EOF, "The disk failed.")
	if got := domain.Wrap(domain.Unavailable, inner, "The log cannot be read.").Error(); got != "The log cannot be read: The disk failed: EOF" {
		t.Errorf("nested: %q", got)
	}
}
