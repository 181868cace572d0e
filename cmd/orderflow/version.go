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
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	b.Version = versionOf(info.Main.Version, b)
	return b
}

// shownRevision is how much of a revision names a version, in hex digits.
const shownRevision = 12

// versionOf is the module's version, or, for a build within the repository,
// the revision it was made from as far as the build knows it.
func versionOf(module string, b build) string {
	switch {
	case module != "" && module != "(devel)":
		return module
	case b.Revision == "":
		return "built from source"
	case b.Modified:
		return b.Revision[:min(shownRevision, len(b.Revision))] + "-modified"
	}
	return b.Revision[:min(shownRevision, len(b.Revision))]
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
