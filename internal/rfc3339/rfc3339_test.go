package rfc3339_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/rfc3339"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-28T05:00:00Z":                "2026-11-28T05:00:00Z",
		"2026-11-28t05:00:00z":                "2026-11-28T05:00:00Z",
		"2026-11-28t05:00:00.123456789+01:30": "2026-11-28T03:30:00.123456789Z",
		"1985-04-12T23:20:50.52Z":             "1985-04-12T23:20:50.52Z",
		"1937-01-01T12:00:27.87-00:20":        "1937-01-01T12:20:27.87Z",
		"2016-12-31T23:59:60Z":                "2017-01-01T00:00:00Z",
		"1990-12-31T15:59:60-08:00":           "1991-01-01T00:00:00Z",
		"2016-12-31T23:59:60.5z":              "2017-01-01T00:00:00.5Z",
		"2026-11-28T05:00:00-00:00":           "2026-11-28T05:00:00Z",
	} {
		at, err := rfc3339.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, at.UTC().Format(time.RFC3339Nano), text)
	}
	for _, text := range []string{
		"", "now", "2026-11-28", "2026-11-28T05:00:00", "2026-11-28 05:00:00Z", "2026-11-28T05:00Z", "2026-11-28T5:00:00Z",
		"2026-11-28T05:00:00,5Z", "2026-11-28T05:00:00.Z", "2026-11-28T05:00:00+0100", "2026-11-28T05:00:00+01", "2026-02-30T05:00:00Z",
		"2026-11-28T24:00:00Z", "2026-11-28T05:00:60Z", "2016-12-31T23:59:60+01:00", "2016-12-31T23:59:61Z", "+2026-11-28T05:00:00Z",
		"2026-11-28T05:00:00Z ", "２026-11-28T05:00:00Z", "2026-11-28T05:00:00Zz",
	} {
		_, err := rfc3339.Parse(text)
		require.Error(t, err, text)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	var got struct {
		At   rfc3339.Time `json:"at,omitzero"`
		None rfc3339.Time `json:"none,omitzero"`
	}
	require.NoError(t, json.Unmarshal([]byte(`{"at":"2026-11-28t05:00:00z","none":null}`), &got))
	raw, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, `{"at":"2026-11-28T05:00:00Z"}`, string(raw))
	for _, bad := range []string{`{"at":"now"}`, `{"at":1}`, `{"at":""}`} {
		require.Error(t, json.Unmarshal([]byte(bad), &got), bad)
	}
}

// FuzzParse: nothing panics, and what the standard library writes is read alike.
func FuzzParse(f *testing.F) {
	f.Add("2016-12-31t23:59:60.5z", int64(1_700_000_000))
	f.Add("2026-11-28T05:00:00,5Z", int64(0))
	f.Fuzz(func(t *testing.T, text string, seconds int64) {
		_, _ = rfc3339.Parse(text)
		want := time.Unix(seconds%(1<<37), 0).UTC()
		if want.Year() < 0 || want.Year() > 9999 {
			return
		}
		got, err := rfc3339.Parse(want.Format(time.RFC3339Nano))
		require.NoError(t, err)
		require.True(t, want.Equal(got))
	})
}
