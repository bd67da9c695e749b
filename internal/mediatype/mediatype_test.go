package mediatype_test

import (
	"errors"
	"mime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/mediatype"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"application/json": "application/json", "Application/JSON; charset=utf-8": "application/json",
		"application/json; charset=": "application/json", "application/json; charset": "application/json",
		"application/json;": "application/json", "application/json; =": "application/json",
		"": "", "json/": "", "/json": "", "application/json, text/plain": "", "application json": "",
	} {
		require.Equal(t, want, mediatype.Of(header), header)
	}
}

func TestIsUTF8(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"": true, "application/json": true, "application/json; charset=UTF-8": true, `a/b; charset="utf8"`: true,
		"a/b; charset=": true, "a/b; charset": true, "a/b; x=1": true, "a/b; =": true,
		"a/b; charset=utf-16": false, "a/b; charset=utf-7; charset=": false, "a/b; charset = utf-16": false,
		"a/b; x; Charset=latin1": false, "a/b; charset*=utf-8''utf-16": false, "a/b; charset*0=utf-; charset*1=16": false,
		"a/b; charset=utf-8; charset=utf-16": false,
	} {
		require.Equal(t, want, mediatype.IsUTF8(header), header)
	}
}

// FuzzOf: what is not parsed is what parsing makes of it.
func FuzzOf(f *testing.F) {
	for _, header := range []string{"a/b", "application/ld+json", "a.b/c-1", "a/B", "a/b;c=d", "a", "/", "a/", "a/b/c", " a/b"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		media, _, err := mime.ParseMediaType(header)
		if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
			media = ""
		}
		require.Equal(t, media, mediatype.Of(header))
	})
}

// FuzzIsUTF8: nobody who reads the header finds another charset in it.
func FuzzIsUTF8(f *testing.F) {
	for _, header := range []string{"a/b; charset=utf-8", `a/b; charset="utf-16"`, "a/b; x=1; charset*=utf-7''x", "a/b;charset=;=", "a/b; charset"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		_, parameters, err := mime.ParseMediaType(header)
		if charset := strings.ToLower(parameters["charset"]); err == nil && charset != "" {
			require.Equal(t, charset == "utf-8" || charset == "utf8", mediatype.IsUTF8(header))
		}
	})
}
