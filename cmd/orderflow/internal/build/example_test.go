package build_test

import (
	"fmt"

	"orderflow/cmd/orderflow/internal/build"
)

// A release has the version of its module; a build of a working copy has its revision.
func Example() {
	fmt.Println(build.VersionOf("v1.2.0", build.Build{}))
	fmt.Println(build.VersionOf("(devel)", build.Build{Revision: "0123456789abcdef0123"}))
	fmt.Println(build.VersionOf("(devel)", build.Build{Revision: "0123456789abcdef0123", Modified: true}))
	fmt.Println(build.ReadBuild().Go != "")
	// Output:
	// v1.2.0
	// 0123456789ab
	// 0123456789ab-modified
	// true
}
