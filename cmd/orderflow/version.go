package main

import (
	"fmt"

	"orderflow/cmd/orderflow/internal/build"
	"orderflow/cmd/orderflow/internal/terminal"
)

// versionCmd says which build this is.
type versionCmd struct {
	JSON bool `help:"Print one JSON object."`
}

// Run prints the build.
func (c *versionCmd) Run(s terminal.Streams) error {
	b := build.ReadBuild()
	if c.JSON {
		return terminal.PrintJSON(s.Out, b)
	}
	_, err := fmt.Fprintln(s.Out, "orderflow", b.Version, b.Revision, b.Go, b.Platform)
	return err
}
