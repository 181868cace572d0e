package eventstoredb_test

import (
	"testing"

	"orderflow/infra/memory"
	"orderflow/sagas"
	"orderflow/sagas/sagastest"
)

func TestFeed(t *testing.T) {
	sagastest.RunFeed(t, func(t *testing.T) sagastest.Fed {
		log := served(t, memory.NewDense())
		return sagastest.Fed{Log: log, Feed: func() sagas.Feed { return log }}
	})
}
