package terminal

import (
	"io"
)

// Streams is where a command writes.
type Streams struct {
	Out io.Writer // results, for people or programs
	Err io.Writer // progress, logs and complaints
}

// Usage makes help for subcommands end with what a person wants to know next.
func Usage(text string) string {
	return text + "\n\n" + ExitHelp
}
