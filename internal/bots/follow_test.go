package bots_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/testlog"
)

func TestChanges(t *testing.T) {
	t.Parallel()
	before := bots.Set{
		"gone": {}, "same": {Secrets: []string{"whsec_a"}},
		"moved": {URL: "https://a", Secrets: []string{"whsec_a"}, MaxAttempts: 3},
	}
	now := bots.Set{
		"new": {}, "same": {Secrets: []string{"whsec_a"}},
		"moved": {URL: "https://b", Secrets: []string{"whsec_a", "whsec_b"}, MaxAttempts: 4},
	}
	require.Equal(t, "added new; removed gone; changed moved (url, secrets, max_attempts)", bots.Changes(before, now))
	require.Empty(t, bots.Changes(now, now))
	require.Equal(t, "added gone, moved, same", bots.Changes(nil, before))
}

// TestFollow edits the file and a secret in the ways that editors and orchestrators have.
func TestFollow(t *testing.T) {
	t.Parallel()
	path := write(t, `{"bots": {"a": {"url": "https://x", "secret_files": ["a.secret"]}}}`)
	var logs testlog.Buffer
	check := func(set bots.Set) error {
		if set["a"].URL == "https://forbidden" {
			return errors.New("forbidden")
		}
		return nil
	}
	var applied []string
	value, err := bots.Follow(path, check, func(before, now bots.Set) { applied = append(applied, bots.Changes(before, now)) }, logs.Logger())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, value.Close()) })
	queues, err := bots.FollowInbound(path, func(bots.InboundSet) {}, logs.Logger())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, queues.Close()) })
	replace := func(file, content string) {
		require.NoError(t, os.WriteFile(file+".new", []byte(content), 0o600))
		require.NoError(t, os.Rename(file+".new", file))
	}
	replace(filepath.Join(filepath.Dir(path), "a.secret"), "whsec_other")
	require.Equal(t, "changed a (secrets)", value.Look().Changes)
	require.Equal(t, []string{"whsec_other"}, value.Get()["a"].Secrets)

	replace(path, `{"bots": {"a": {"url": "https://x", "secret_files": ["a.secret"]}, "b": {"url": "https://y", "queues": 2, "secret_files": ["b.secret"]}}}`)
	require.Contains(t, value.Look().Error, "b.secret", "it is not there yet")
	require.NotContains(t, value.Get(), "b")
	require.Equal(t, "added b", queues.Look().Changes)
	require.Equal(t, queue.Bots{"a": 1, "b": 2}, queues.Get().Queues())
	replace(filepath.Join(filepath.Dir(path), "b.secret"), "whsec_b")
	require.Eventually(t, func() bool { return value.Get()["b"].URL == "https://y" }, time.Minute, time.Millisecond, "by itself")

	for _, broken := range []string{`{`, `{"bots": {"a": {"url": "https://forbidden", "secret_files": ["a.secret"]}}}`} {
		replace(path, broken)
		require.Contains(t, value.Look().Error, path)
		require.Equal(t, "https://x", value.Get()["a"].URL)
	}
	require.Equal(t, []string{"changed a (secrets)", "added b"}, applied)
	require.Contains(t, logs.String(), "level=WARN")
	require.NotContains(t, logs.String(), "whsec")
}
