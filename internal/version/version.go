// Package version says what a program was built from.
package version

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

const module = "github.com/botgate/botgate"

// version and commit are set by the linker (see the Makefile) where the source is no checkout
// that Go knows the version of.
var version, commit string

// Text returns a line with the name of a program, the version and the commit of Botgate, and the
// version of Go.
func Text(program string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	built, revision := find(info)
	return fmt.Sprintf("%s %s (commit %s), %s",
		program, cmp.Or(version, built, "unknown"), cmp.Or(commit, revision, "unknown"), runtime.Version())
}

// find looks for Botgate in a program, of which it is the main module or, built by xcaddy, a
// dependency. Only of the main module Go knows the commit.
func find(info *debug.BuildInfo) (version, revision string) {
	if info.Main.Path != module {
		for _, m := range info.Deps {
			if m.Path == module {
				version = m.Version
			}
		}
		return version, ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	if version = info.Main.Version; version == "(devel)" {
		version = "devel"
	}
	return version, revision
}
