package secret_test

import (
	"encoding/binary"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/secret"
)

func TestFromFile(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"s3cret": "s3cret", "s3cret\n": "s3cret", "s3cret\r\n": "s3cret", " s3 cret \t\n ": " s3 cret",
	} {
		path := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		got, err := secret.FromFile(path)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	path := filepath.Join(t.TempDir(), "file")
	_, err := secret.FromFile(path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, path)
	require.NoError(t, os.WriteFile(path, []byte("\n"), 0o600))
	_, err = secret.FromFile(path)
	require.ErrorContains(t, err, path+": it is empty")
}

func TestFromEnv(t *testing.T) {
	t.Setenv("BOTGATE_TEST_SECRET", "s3cret\n")
	got, err := secret.FromEnv("BOTGATE_TEST_SECRET")
	require.NoError(t, err)
	require.Equal(t, "s3cret", string(got))
	_, err = secret.FromEnv("BOTGATE_TEST_NO_SECRET")
	require.ErrorContains(t, err, "BOTGATE_TEST_NO_SECRET")
}

// TestClean has what editors and shells make of a secret.
func TestClean(t *testing.T) {
	t.Parallel()
	utf16 := func(order binary.AppendByteOrder, mark string, units ...uint16) string {
		raw := []byte(mark)
		for _, unit := range units {
			raw = order.AppendUint16(raw, unit)
		}
		return string(raw)
	}
	random := "\x8f\x00\xfe\xffkey\n"
	for name, tt := range map[string]struct{ raw, want string }{
		"BOM":               {"\xef\xbb\xbfs3cret", "s3cret"},
		"BOM and CRLF":      {"\xef\xbb\xbfs3cret\r\n", "s3cret"},
		"BOM alone":         {"\xef\xbb\xbf", ""},
		"a BOM inside":      {"s3\ufeffcret", "s3\ufeffcret"},
		"UTF-16LE":          {utf16(binary.LittleEndian, "\xff\xfe", 's', 'ü', '3', '\r', '\n'), "sü3"},
		"UTF-16BE":          {utf16(binary.BigEndian, "\xfe\xff", 's', 0xd83d, 0xdd11, ' '), "s\U0001f511"},
		"many line breaks":  {"s3cret\n\r\n\n", "s3cret"},
		"blanks at the end": {"s3cret \t \n", "s3cret"},
		"random bytes":      {random, random},
	} {
		got, err := secret.Clean([]byte(tt.raw))
		require.NoError(t, err, name)
		require.Equal(t, tt.want, string(got), name)
	}
	for raw, want := range map[string]string{
		"\xff\xfes":         "is not UTF-16",
		"\xff\xfe\x00\xd8":  "is not UTF-16",
		"s\x003\x00c\x00r":  "UTF-16 without a byte order mark",
		"s3cret\x00\r\n":    "NUL",
		"\xfe\xff\x00\x00A": "is not UTF-16",
	} {
		_, err := secret.Clean([]byte(raw))
		require.ErrorContains(t, err, want, "%q", raw)
		require.NotContains(t, err.Error(), "s3")
	}
}

// TestAFileAsWindowsWritesIt has the bytes of a public report (PowerShell/PowerShell#8636).
func TestAFileAsWindowsWritesIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	raw, err := hex.DecodeString("efbbbf67656e657269632d7365637265742d30313233343536373839")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	got, err := secret.FromFile(path)
	require.NoError(t, err)
	require.Equal(t, "generic-secret-0123456789", string(got))
	require.NoError(t, os.WriteFile(path, []byte("\xef\xbb\xbf \r\n"), 0o600))
	_, err = secret.FromFile(path)
	require.ErrorContains(t, err, "it is empty")
}

// FuzzClean: nothing panics, and text comes out without what nobody sees at its ends.
func FuzzClean(f *testing.F) {
	for _, raw := range []string{"s3cret\r\n", "\xef\xbb\xbfs", "\xff\xfes\x00", "\xfe\xff\xd8\x00", "\x80 "} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := secret.Clean(raw)
		if err == nil && utf8.Valid(got) {
			require.Equal(t, string(got), strings.TrimRight(string(got), " \t\r\n"))
			require.NotContains(t, string(got), "\x00")
		}
	})
}
