package bots_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
)

// TestEdit leaves alone what it does not touch, as somebody wrote it.
func TestEdit(t *testing.T) {
	t.Parallel()
	path := write(t, `{
  "bots": {
    "mine":  { "secret_envs":["X"],   "url": "https://a/?x=<1>&y",
               "timeout": "3s" },
    "other": {"url": "https://b", "secret_files": ["a.secret"]}
  }
}`)
	require.NoError(t, os.Chmod(path, 0o640))
	link := filepath.Join(t.TempDir(), "bots.json")
	require.NoError(t, os.Symlink(path, link))
	edit := func(change func(*bots.Document) error) error { return bots.Edit(t.Context(), link, change) }
	require.NoError(t, edit(func(d *bots.Document) error {
		require.True(t, d.Has("mine"))
		return d.Add("new", bots.Field{Name: "url", Value: "https://c/?x=<1>&y"}, bots.Field{Name: "secret_files", Value: []string{"a.secret", "b"}},
			bots.Field{Name: "queues", Value: 2})
	}))
	require.NoError(t, edit(func(d *bots.Document) error { return d.SetSecretFiles("mine", []string{"a.secret"}) }))
	require.NoError(t, edit(func(d *bots.Document) error { return d.Remove("other") }))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, `{
  "bots": {
    "mine": {
      "secret_envs": ["X"],
      "url": "https://a/?x=<1>&y",
      "timeout": "3s",
      "secret_files": ["a.secret"]
    },
    "new": {
      "url": "https://c/?x=<1>&y",
      "secret_files": ["a.secret", "b"],
      "queues": 2
    }
  }
}
`, string(text))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&fs.ModeSymlink)
	info, err = os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o640), info.Mode().Perm())

	for want, change := range map[string]func(*bots.Document) error{
		`there is a bot "new" already`:         func(d *bots.Document) error { return d.Add("new") },
		"there is no bot \"x\"; there are mi":  func(d *bots.Document) error { return d.Remove("x") },
		"only letters, digits":                 func(d *bots.Document) error { return d.Add("a b", bots.Field{Name: "url", Value: "https://x"}) },
		"url: must be an http or https":        func(d *bots.Document) error { return d.Add("y", bots.Field{Name: "url", Value: "ftp://x"}) },
		`unknown field "color"`:                func(d *bots.Document) error { return d.Add("y", bots.Field{Name: "color", Value: "red"}) },
		"127.0.0.1 is a loopback address: \"a": func(d *bots.Document) error { return d.Add("y", bots.Field{Name: "url", Value: "http://127.0.0.1"}) },
	} {
		require.ErrorContains(t, edit(change), want)
	}
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(text), string(after), "what is refused changes nothing")
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestEditsAtOnce lose nothing of each other, in a file that the first of them makes.
func TestEditsAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bots.json")
	var edits sync.WaitGroup
	for n := range 20 {
		edits.Go(func() {
			err := bots.Edit(t.Context(), path, func(d *bots.Document) error {
				return d.Add(fmt.Sprint("bot-", n), bots.Field{Name: "url", Value: "https://x"})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	edits.Wait()
	queues, err := bots.LoadInbound(path)
	require.NoError(t, err)
	require.Len(t, queues, 20)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

// FuzzEdit: whatever is in the file, an edit that succeeds leaves one that can be read, with all that was there.
func FuzzEdit(f *testing.F) {
	for _, text := range []string{`{"bots":{"a":{"url":"https://x"}}}`, `{"bots":{}}`, `{`, `[]`, `{"bots":[]}`, ` {"bots" : {"a":{"url":"https://x","queues":3}} } `} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "bots.json")
		require.NoError(t, os.WriteFile(path, text, 0o600))
		before, _ := bots.LoadInbound(path)
		err := bots.Edit(t.Context(), path, func(d *bots.Document) error {
			return d.Add("added", bots.Field{Name: "url", Value: "https://x"})
		})
		if err != nil {
			return
		}
		after, err := bots.LoadInbound(path)
		require.NoError(t, err)
		require.Len(t, after, len(before)+1)
		for name, n := range before {
			require.Equal(t, n, after[name])
		}
	})
}
