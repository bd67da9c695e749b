package store_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
)

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	for _, p := range []store.Position{
		{Time: noon, ID: "0198c0de-0000-7000-8000-000000000000"},
		{Time: time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC), ID: "x"},
	} {
		back, ok := store.ParseCursor(p.Cursor())
		require.True(t, ok)
		require.Equal(t, p, back)
		logged, ok := store.ParseLogCursor(p.Cursor())
		require.True(t, ok)
		require.Equal(t, store.LogPosition{RecordedAt: p.Time, ID: p.ID}, logged)
		require.Equal(t, p.Cursor(), logged.Cursor())
	}
	start := store.LogPosition{RecordedAt: noon}
	back, ok := store.ParseLogCursor(start.Cursor())
	require.True(t, ok)
	require.Equal(t, start, back)
	edge, ok := store.ParseCursor(start.Cursor())
	require.True(t, ok)
	require.Equal(t, store.Position{Time: noon}, edge)
}

func FuzzCursor(f *testing.F) {
	f.Add(store.Position{Time: noon, ID: "x"}.Cursor())
	f.Add("AAAA")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if p, ok := store.ParseLogCursor(s); ok {
			require.Equal(t, s, p.Cursor(), "one position has one cursor")
			require.Equal(t, s, url.QueryEscape(s), "a cursor needs no escaping")
			_, err := p.RecordedAt.MarshalJSON()
			require.NoError(t, err)
			require.True(t, p.ID == "" || store.ValidID(p.ID))
		}
	})
}
