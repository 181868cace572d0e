package redis_test

import (
	"testing"
	"time"

	"orderflow/commands/commandstest"
	"orderflow/infra/deploy/servicestest"
)

func TestLimiter(t *testing.T) {
	onBoth(t, func(t *testing.T, urls []string) {
		commandstest.RunLimiter(t, func(t *testing.T) commandstest.Limiters {
			prefix := servicestest.Prefix()
			return commandstest.Limiters{
				Ours: openAs(t, prefix, patient, urls...).Limiter(), Theirs: openAs(t, prefix, patient, urls...).Limiter(),
				Now: time.Now, Advance: time.Sleep, Tolerance: time.Millisecond, // the server's clock is in charge
			}
		})
	})
}
