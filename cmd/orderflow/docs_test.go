package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"orderflow/domain/catalog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/infra/simulator"
)

// TestTheGuideToEventStoreDB holds docs/eventstoredb.md to the binary: its
// commands are understood, every subcommand for users is named, and so is every
// kind of stream that a user must be able to read.
func TestTheGuideToEventStoreDB(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "eventstoredb.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if commands := understood(t, text); commands < 8 {
		t.Errorf("the guide has %d commands", commands)
	}
	for _, sub := range []string{"add", "list", "passwd", "disable", "enable", "rm", "grant", "revoke"} {
		if !regexp.MustCompile(`(?:user |also: )` + sub + `\b`).MatchString(text) {
			t.Errorf("the guide does not name eventstore user %s", sub)
		}
	}
	var named []string
	for _, m := range regexp.MustCompile("`([a-z]+)-`").FindAllStringSubmatch(text, -1) {
		named = append(named, m[1])
	}
	want := []string{catalog.Category, fulfilment.Category, inventory.Category, order.Category, payment.Category, shipment.Category}
	slices.Sort(named)
	slices.Sort(want)
	if !slices.Equal(named, want) {
		t.Errorf("the guide names the streams %v, and there are %v", named, want)
	}
}

// TestTheGuideToTheSimulator holds docs/simulator.md to the binary: its commands are
// understood, and its table has every behaviour.
func TestTheGuideToTheSimulator(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "simulator.md"))
	if err != nil {
		t.Fatal(err)
	}
	if commands := understood(t, string(data)); commands < 5 {
		t.Errorf("the guide has %d commands", commands)
	}
	for _, name := range simulator.Names() {
		if !strings.Contains(string(data), "`"+name+"`") {
			t.Errorf("the guide does not name the provider %s", name)
		}
	}
	for _, b := range simulator.Behaviours() {
		if !strings.Contains(string(data), "`"+string(b)+"`") {
			t.Errorf("the guide does not have the behaviour %s", b)
		}
	}
}

// understood parses the orderflow commands of a guide and returns how many there are.
func understood(t *testing.T, text string) (commands int) {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[1]) {
			line, _, _ = strings.Cut(line, "#")
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "orderflow" {
				continue
			}
			var c cli
			parser, err := newParser(&c, io.Discard, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(words[1:]); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			commands++
		}
	}
	return commands
}
