package kafka

import (
	"os"
	"strings"
	"testing"
)

// TestEveryTopicIsDocumented fails for a topic without a channel in the document.
func TestEveryTopicIsDocumented(t *testing.T) {
	document, err := os.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range topics(Config{}) {
		if !strings.Contains(string(document), "address: "+topic.name+"\n") {
			t.Errorf("asyncapi.yaml has no channel with the address %s", topic.name)
		}
	}
}
