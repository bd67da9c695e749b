// Package checks holds the files under deploy/ against the programs that would read them.
package checks

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/subrequests/lint"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"
)

// noPull answers for every base image, so that none is fetched.
type noPull struct{}

func (noPull) ResolveImageConfig(
	_ context.Context, ref string, _ sourceresolver.Opt,
) (string, digest.Digest, []byte, error) {
	config, err := json.Marshal(map[string]any{"architecture": "amd64", "os": "linux"})
	return ref, digest.FromBytes(config), config, err
}

// findings are what "docker build --check" says.
func findings(t *testing.T, dockerfile []byte) []lint.Warning {
	t.Helper()
	source := llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", dockerfile)
	source.Definition = &llb.Definition{}
	results, err := dockerfile2llb.DockerfileLint(t.Context(), dockerfile, dockerfile2llb.ConvertOpt{
		SourceMap: source, MetaResolver: noPull{},
	})
	require.NoError(t, err)
	require.Nil(t, results.Error, "%v", results.Error)
	return results.Warnings
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	dockerfile, err := os.ReadFile(filepath.Join("..", "docker", "Dockerfile"))
	require.NoError(t, err)
	require.Empty(t, findings(t, dockerfile))

	for _, wrong := range []string{"ENTRYPOINT botgate", "ENV BOTGATE_API_PASSWORD=hunter2", "WORKDIR data"} {
		require.NotEmpty(t, findings(t, []byte(strings.Join([]string{"FROM scratch", wrong, ""}, "\n"))), wrong)
	}
}

// TestDockerfileIsPinned: what is built in is one image, by digest, with the Go that releases are built with.
func TestDockerfileIsPinned(t *testing.T) {
	t.Parallel()
	dockerfile, err := os.ReadFile(filepath.Join("..", "docker", "Dockerfile"))
	require.NoError(t, err)
	require.Regexp(t, `(?m)^ARG GO_IMAGE=[a-z0-9./]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}$`, string(dockerfile))
	for _, from := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(string(dockerfile), -1) {
		require.Contains(t, []string{"${GO_IMAGE}", "scratch", "base"}, from[1])
	}
	require.NotContains(t, string(dockerfile), "syntax=", "the frontend would be another image")
	release, err := os.ReadFile(filepath.Join("..", "..", ".github", "workflows", "release.yml"))
	require.NoError(t, err)
	toolchain := regexp.MustCompile(`GOTOOLCHAIN: (\S+)`).FindStringSubmatch(string(release))
	require.NotNil(t, toolchain)
	require.Contains(t, string(dockerfile), " GOTOOLCHAIN="+toolchain[1]+"\n")
}
