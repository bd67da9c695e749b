package app_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/blob/file"
)

func TestRecordRemovesOldBodies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*config.Config)
		swept  bool
	}{
		"record":           {func(*config.Config) {}, true},
		"without record":   {func(c *config.Config) { c.Roles = []config.Role{config.Dispatch} }, false},
		"without end":      {func(c *config.Config) { c.BlobRetention = 0 }, false},
		"longer retention": {func(c *config.Config) { c.BlobRetention = 100 * 24 * time.Hour }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := settings(t, "http://127.0.0.1:1")
			c.change(&s)
			folder := filepath.Join(filepath.Dir(s.BotsFile), "blobs")
			blobs, err := file.Open(folder)
			require.NoError(t, err)
			put := func(text string, age time.Duration) string {
				ref := blob.RefOf([]byte(text))
				require.NoError(t, blobs.Put(t.Context(), ref, []byte(text)))
				path, at := filepath.Join(folder, ref.Key()), time.Now().Add(-age)
				require.NoError(t, os.Chtimes(path, at, at))
				return path
			}
			old, young := put("old", 31*24*time.Hour), put("young", 29*24*time.Hour)
			a := start(t, app.Config{Settings: s})
			if c.swept {
				require.Eventually(t, func() bool {
					_, err := os.Stat(old)
					return os.IsNotExist(err)
				}, patience, 10*time.Millisecond)
			}
			stop(t, a)
			require.Equal(t, !c.swept, exists(old))
			require.True(t, exists(young))
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
