package s3_test

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/blob/blobtest"
	"github.com/botgate/botgate/internal/blob/s3"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

func open(t *testing.T, rawURL string) *s3.Store {
	t.Helper()
	s, err := s3.Open(rawURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// bucket is the place of a URL as another program would see it.
type bucket struct {
	client       *minio.Client
	name, prefix string
}

func lookInto(t *testing.T, rawURL string) bucket {
	t.Helper()
	u, err := url.Parse(rawURL)
	require.NoError(t, err)
	endpoint, err := url.Parse(u.Query().Get("endpoint"))
	require.NoError(t, err)
	transport, err := minio.DefaultTransport(false)
	require.NoError(t, err)
	t.Cleanup(transport.CloseIdleConnections)
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds: credentials.NewFileAWSCredentials(u.Query().Get("credentialsfile"), ""), Region: "us-east-1", Transport: transport,
	})
	require.NoError(t, err)
	return bucket{client, u.Host, u.Path[1:] + "/"}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blobtest.Harness {
		rawURL := testsvc.S3(t)
		b := lookInto(t, rawURL)
		return blobtest.Harness{
			Open: func(t *testing.T) blob.Store { return open(t, rawURL) },
			Written: func(t *testing.T, ref blob.Ref) time.Time {
				info, err := b.client.StatObject(t.Context(), b.name, b.prefix+ref.Key(), minio.StatObjectOptions{})
				require.NoError(t, err)
				return info.LastModified
			},
			Damage: func(t *testing.T, ref blob.Ref, data []byte) {
				_, err := b.client.PutObject(t.Context(), b.name, b.prefix+ref.Key(), bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{})
				require.NoError(t, err)
			},
		}
	})
}

func TestServerFailsAndComesBack(t *testing.T) {
	t.Parallel()
	server := testsvc.StartS3(t)
	s := open(t, server.URL)
	data := []byte("content")
	ref := blob.RefOf(data)
	require.NoError(t, s.Put(t.Context(), ref, data))

	server.Kill()
	require.ErrorIs(t, s.Put(t.Context(), ref, data), blob.ErrUnavailable)
	_, err := s.Get(t.Context(), ref)
	require.ErrorIs(t, err, blob.ErrUnavailable)

	server.Restart()
	got, err := s.Get(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, data, got)
}

func TestWrongBucketOrSecretIsNoMissingBlob(t *testing.T) {
	t.Parallel()
	rawURL := testsvc.S3(t)
	other := filepath.Join(t.TempDir(), "credentials")
	require.NoError(t, os.WriteFile(other, []byte("[default]\naws_access_key_id = test\naws_secret_access_key = hunter2hunter2\n"), 0o600))
	wrongSecret, err := url.Parse(rawURL)
	require.NoError(t, err)
	query := wrongSecret.Query()
	query.Set("credentialsfile", other)
	wrongSecret.RawQuery = query.Encode()
	for name, address := range map[string]string{
		"bucket": strings.Replace(rawURL, "botgate-test", "another-bucket", 1),
		"secret": wrongSecret.String(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, address)
			_, err := s.Get(t.Context(), blob.RefOf(nil))
			require.ErrorIs(t, err, blob.ErrUnavailable)
			require.NotErrorIs(t, err, blob.ErrNotFound)
			require.NotContains(t, err.Error(), "hunter2")
			require.ErrorIs(t, s.Put(t.Context(), blob.RefOf(nil), nil), blob.ErrUnavailable)
		})
	}
}

func TestCredentials(t *testing.T) {
	const address = "s3://bucket?allow_private=true&endpoint=http://127.0.0.1:1"
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN"} {
		t.Setenv(name, "")
	}
	_, err := s3.Open(address)
	require.ErrorContains(t, err, "AWS_ACCESS_KEY_ID", "there are no default credentials")
	_, err = s3.Open(address + "&credentialsfile=/nowhere")
	require.ErrorContains(t, err, "credentialsfile")
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	_, err = s3.Open(address)
	require.NoError(t, err)
	_, err = s3.Open("s3://bucket?cacertfile=/nowhere")
	require.ErrorContains(t, err, "cacertfile")
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"s3://bucket", "s3://bucket/", "s3://bucket/pre/fix", "s3://bucket/pre/?region=eu-west-1",
		"s3://my.bucket?endpoint=http://10.0.0.1:9000&allow_private=true&region=x&credentialsfile=/f", "s3://bucket?endpoint=https://s3.example.com/&cacertfile=/f",
	} {
		require.NoError(t, s3.CheckURL(good), good)
	}
	for _, bad := range []string{
		"", "s3:bucket", "s3://", "s3://B", "s3://b", "http://bucket", "s3://hunter2:hunter2@bucket", "s3://bucket/../x", "s3://bucket/a//b",
		"s3://bucket/a%00", "s3://bucket?secret=hunter2", "s3://bucket?region=", "s3://bucket?region=a&region=b", "s3://bucket?endpoint=host:1",
		"s3://bucket?endpoint=ftp://host", "s3://bucket?endpoint=http://hunter2@host", "s3://bucket?endpoint=http://host/path",
		"s3://bucket?endpoint=http://10.0.0.1:9000", "s3://bucket?endpoint=http://169.254.169.254&allow_private=false",
		"s3://bucket?endpoint=http://localhost:9000", "s3://bucket?allow_private=yes",
		"s3://bucket?endpoint=http://host&cacertfile=/f", "s3://bucket?%zz", "s3://bucket:80",
	} {
		err := s3.CheckURL(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
