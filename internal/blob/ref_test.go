package blob_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/blob"
)

const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestRef(t *testing.T) {
	t.Parallel()
	ref := blob.RefOf(nil)
	require.Equal(t, "sha256:"+empty+"?size=0", ref.String())
	require.Equal(t, "e3/"+empty, ref.Key())
	parsed, err := blob.ParseRef(ref.String())
	require.NoError(t, err)
	require.Equal(t, ref, parsed)
}

func TestParseRefRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "sha256:", empty, "sha256:" + empty, "sha256:" + empty + "?size=", "sha256:" + empty + "?size=-1",
		"sha256:" + empty + "?size=+1", "sha256:" + empty + "?size=01", "sha256:" + empty + "?size=1&x=2",
		"sha256:" + empty + "?size=1099511627777", "sha256:" + empty + "?size=99999999999999999999",
		"sha256:" + strings.ToUpper(empty) + "?size=0", "SHA256:" + empty + "?size=0", "sha512:" + empty + "?size=0",
		"sha256:../../../../etc/passwd?size=1", "sha256:" + strings.Repeat("../", 21) + "x?size=1",
		"sha256:" + empty[:63] + "/?size=0", " sha256:" + empty + "?size=0", "sha256:" + empty + "?size=0\n",
	} {
		_, err := blob.ParseRef(text)
		require.Error(t, err, text)
	}
	_, err := blob.ParseRef(strings.Repeat("x", 1<<20))
	require.Less(t, len(err.Error()), 300, "a hostile reference fills no log")
}

func FuzzParseRef(f *testing.F) {
	f.Add("sha256:" + empty + "?size=0")
	f.Add("sha256:../../../../etc/passwd?size=1")
	f.Add("file:///etc/passwd")
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := blob.ParseRef(text)
		if err != nil {
			require.Zero(t, ref)
			return
		}
		require.Equal(t, text, ref.String(), "there is one form of each reference")
		require.Equal(t, filepath.Join("root", ref.Hex()[:2], ref.Hex()), filepath.Join("root", ref.Key()))
		require.True(t, filepath.IsLocal(ref.Key()))
	})
}

func TestReadChecksBeforeItTakesMemory(t *testing.T) {
	t.Parallel()
	data := []byte("content")
	ref := blob.RefOf(data)
	got, err := blob.Read(bytes.NewReader(data), int64(len(data)), ref)
	require.NoError(t, err)
	require.Equal(t, data, got)

	hostile := blob.Ref{Digest: ref.Digest, Size: 1 << 40}
	_, err = blob.Read(bytes.NewReader(data), int64(len(data)), hostile)
	require.ErrorIs(t, err, blob.ErrCorrupt)
	_, err = blob.Read(bytes.NewReader([]byte("CONTENT")), int64(len(data)), ref)
	require.ErrorIs(t, err, blob.ErrCorrupt)
	_, err = blob.Read(bytes.NewReader(data[:3]), int64(len(data)), ref)
	require.ErrorIs(t, err, blob.ErrUnavailable, "a read that broke off can be repeated")
}
