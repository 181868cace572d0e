package pebblelog_test

import (
	"testing"

	"orderflow/infra/pebblelog"
	"orderflow/sagas"
	"orderflow/sagas/sagastest"
)

func TestFeed(t *testing.T) {
	sagastest.RunFeed(t, func(t *testing.T) sagastest.Fed {
		log := open(t, t.TempDir(), pebblelog.Options{})
		return sagastest.Fed{Log: log, Feed: func() sagas.Feed { return log }}
	})
}
