package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// versionCmd says which build this is.
type versionCmd struct {
	JSON bool `help:"Print one JSON object."`
}

type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func readBuild() build {
	b := build{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// Run prints the build.
func (c *versionCmd) Run(s streams) error {
	b := readBuild()
	if c.JSON {
		return printJSON(s.out, b)
	}
	_, err := fmt.Fprintln(s.out, "orderflow", b.Version, b.Revision, b.Go, b.Platform)
	return err
}
