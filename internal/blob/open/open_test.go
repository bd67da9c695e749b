package open_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/blob/file"
	"github.com/botgate/botgate/internal/blob/open"
	"github.com/botgate/botgate/internal/blob/s3"
)

func TestDefaultIsBesideTheEmbeddedQueue(t *testing.T) {
	t.Parallel()
	for queue, want := range map[string]string{
		"sqlite:data/queue.db":     "file:data/blobs",
		"sqlite:///var/x/queue.db": "file:/var/x/blobs",
		"amqp://u:p@h/":            "",
		"amqps://h":                "",
	} {
		require.Equal(t, want, open.Default(queue), queue)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"file:data/blobs", "file:/var/blobs", "file:///var/blobs", "s3://bucket/prefix?region=eu-west-1"} {
		require.NoError(t, open.Check(good), good)
	}
	for _, bad := range []string{"", "data/blobs", "file:", "file://host/x", "file:x?y", "s3://", "s3://hunter2:hunter2@bucket", "http://hunter2"} {
		err := open.Check(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestCheckRetention(t *testing.T) {
	t.Parallel()
	for _, good := range []time.Duration{0, 48 * time.Hour, open.DefaultRetention} {
		require.NoError(t, open.CheckRetention(good))
	}
	for _, bad := range []time.Duration{-1, time.Hour, 48*time.Hour - 1} {
		require.ErrorContains(t, open.CheckRetention(bad), "at least 48h")
	}
}

func TestOpen(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	opened, err := open.Open("file://" + filepath.Join(t.TempDir(), "blobs"))
	require.NoError(t, err)
	require.IsType(t, &file.Store{}, opened)
	opened, err = open.Open("s3://bucket?allow_private=true&endpoint=http://127.0.0.1:1")
	require.NoError(t, err, "the server need not be up")
	require.IsType(t, &s3.Store{}, opened)
	require.NoError(t, opened.Close())
	for _, bad := range []string{"file:/dev/null/x", "s3://bucket?credentialsfile=/nowhere", "x"} {
		_, err = open.Open(bad)
		require.Error(t, err)
	}
}
