package mediatype_test

import (
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
