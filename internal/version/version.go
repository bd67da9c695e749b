// Package version says what a program was built from.
package version

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

const module = "github.com/botgate/botgate"

// version and commit are set by the linker (see the Makefile) where the source is no checkout
// that Go knows the version of.
var version, commit string

// Text returns a line with the name of a program, the version and the commit of Botgate, and the
// version of Go.
func Text(program string) string {
	version, revision := build()
	return fmt.Sprintf("%s %s (commit %s), %s", program, version, revision, runtime.Version())
}

// Number is the version of Botgate alone, "unknown" where nobody has said.
func Number() string {
	number, _ := build()
	return number
}

// Collector is botgate_build_info, which is 1 and has the version and the commit as labels.
var Collector = sync.OnceValue(func() prometheus.Collector {
	version, revision := build()
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: metric.Namespace, Name: "build_info",
		Help:        "What the program was built from: always 1.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
})

// build returns the version and the commit of Botgate, "unknown" where nobody has said.
func build() (is, revision string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	built, revision := find(info)
	return cmp.Or(version, built, "unknown"), cmp.Or(commit, revision, "unknown")
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
