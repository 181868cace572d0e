// Package bench measures this machine, or an event store, against the budgets. Each
// figure has a limit that is measured in the same run.
package bench
