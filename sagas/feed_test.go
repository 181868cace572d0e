package sagas_test

import (
	"testing"

	"orderflow/infra/memory"
	"orderflow/sagas"
	"orderflow/sagas/sagastest"
)

func TestTheLogIsAFeed(t *testing.T) {
	sagastest.RunFeed(t, func(*testing.T) sagastest.Fed {
		log := memory.New()
		return sagastest.Fed{Log: log, Feed: func() sagas.Feed { return log }}
	})
}
