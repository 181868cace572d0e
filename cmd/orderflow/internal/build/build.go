package build

import (
	"runtime"
	"runtime/debug"
)

// Build names the source and the tools that the program was made from.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// ReadBuild returns the build of this program.
func ReadBuild() Build {
	b := Build{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
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
	b.Version = VersionOf(info.Main.Version, b)
	return b
}

// VersionOf is the module's version, or, for a build within the repository,
// the revision it was made from as far as the build knows it.
func VersionOf(module string, b Build) string {
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

// shownRevision is how much of a revision names a version, in hex digits.
const shownRevision = 12
