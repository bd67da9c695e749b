package version

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestText(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^botgate \S+ \(commit \S+\), go1\.`, Text("botgate"))
}

func TestFind(t *testing.T) {
	t.Parallel()
	settings := []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}}
	version, revision := find(&debug.BuildInfo{Main: debug.Module{Path: module, Version: "v1.2.3"}, Settings: settings})
	require.Equal(t, []string{"v1.2.3", "abc"}, []string{version, revision})
	version, revision = find(&debug.BuildInfo{
		Main: debug.Module{Path: "caddy"}, Deps: []*debug.Module{{Path: module, Version: "v1.2.3"}}, Settings: settings,
	})
	require.Equal(t, []string{"v1.2.3", ""}, []string{version, revision}, "the commit is that of another repository")
}
