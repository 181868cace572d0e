package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/infra/esdbserver/operationspb"
)

// TestAClientEndsTheNode shuts a node down by the operations service: its
// process ends in good order, and its data directory is free again.
func TestAClientEndsTheNode(t *testing.T) {
	const patience = 30 * time.Second
	dir := t.TempDir()
	for range 2 {
		told := filepath.Join(t.TempDir(), "told.json")
		c := eventstoreCmd{Data: dir, Listen: node.AnyPort, Private: node.AnyPort, Insecure: true, Tell: told, MaxAppend: 1 << 20}
		var out, said bytes.Buffer
		ended := make(chan error, 1)
		go func() {
			ended <- c.Run(t.Context(), terminal.Streams{Out: &out, Err: &said}, slog.New(slog.DiscardHandler))
		}()
		var at eventstoreView
		for deadline := time.Now().Add(patience); at.Connection == ""; time.Sleep(10 * time.Millisecond) { // a file cannot be waited for
			if data, err := os.ReadFile(told); err == nil {
				_ = json.Unmarshal(data, &at) // it may be half written
			}
			if time.Now().After(deadline) {
				t.Fatal("the node does not say where it is")
			}
		}
		conn, err := grpc.NewClient(strings.TrimSuffix(strings.TrimPrefix(at.Connection, "esdb://"), "?tls=false"), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := operationspb.NewOperationsClient(conn).Shutdown(t.Context(), &shared.Empty{}); err != nil {
			t.Error(err)
		}
		_ = conn.Close()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("it ended with %v", err)
			}
		case <-time.After(patience):
			t.Fatal("it goes on")
		}
	}
}
