package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

// documented is a kind of payload that a platform documents, of internal/platform/testdata/documented, where
// the fields are explained.
type documented struct {
	Name, Form   string
	Headers      map[string]string
	Body         json.RawMessage
	Want         []string
	Unnamed      bool
	Retry        documentedChange
	Others       []documentedChange
	platform, id string
}

type documentedChange struct{ Replace, Headers map[string]string }

// documentedIDs are the ids that the cases of a platform share, and that alone make an event the same: each
// case gets one of its own.
var documentedIDs = map[string]string{"slack": "Ev000000", "discord": `"id":"7860`, "stripe": "evt_"}

// loadDocumented reads the cases of the platforms.
func loadDocumented(t *testing.T, platforms []string) []documented {
	t.Helper()
	var all []documented
	for _, name := range platforms {
		files, err := filepath.Glob("../internal/platform/testdata/documented/" + name + "*.json")
		require.NoError(t, err)
		require.NotEmpty(t, files, name)
		for _, file := range files {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			var cases []documented
			require.NoError(t, json.Unmarshal(raw, &cases))
			for n, d := range cases {
				d.platform = name
				if shared := documentedIDs[name]; shared != "" {
					d.id = fmt.Sprintf("%s%03d", shared, n)
				}
				all = append(all, d)
			}
		}
	}
	return all
}

// TestDocumented sends every documented kind of event of every platform that signs with a shared secret as
// the platform does: first, again, and with the least that makes it another event. What is stored is each of them
// once, with the right facts.
func TestDocumented(t *testing.T) {
	t.Parallel()
	s, private := startForPlatforms(t)
	want := map[string]int{}
	for _, d := range loadDocumented(t, append(slices.Sorted(maps.Keys(platformSecrets)), "discord")) {
		changes := append([]documentedChange{{}, d.Retry}, d.Others...)
		for n, change := range changes {
			a := s.specimen(private, d.specimen(t, change))
			require.Equal(t, 2, a.status/100, "%s %s: %s", d.platform, d.Name, a.body)
			if n == 1 {
				continue
			}
			if n > 1 {
				want["other"]++ // What is other in it may be one of its facts.
				continue
			}
			for _, line := range d.Want {
				parts := strings.Split(line, " | ")
				want[factsLine(parts[0], parts[1], parts[2])]++
			}
		}
	}
	requireStoredFacts(t, s, want)
}

// specimen is the request of the case with a change to it.
func (d documented) specimen(t *testing.T, change documentedChange) specimen {
	t.Helper()
	body := []byte(d.Body)
	for old, text := range change.Replace {
		require.Contains(t, string(body), old)
		body = bytes.ReplaceAll(body, []byte(old), []byte(text))
	}
	if d.id != "" {
		body = bytes.ReplaceAll(body, []byte(documentedIDs[d.platform]), []byte(d.id))
	}
	sp := specimen{name: d.Name, platform: d.platform, contentType: "application/json", headers: maps.Clone(d.Headers)}
	if sp.headers == nil {
		sp.headers = map[string]string{}
	}
	maps.Copy(sp.headers, change.Headers)
	switch d.Form {
	case "payload":
		body = []byte("payload=" + url.QueryEscape(string(body)))
	case "form":
		fields, form := map[string]string{}, url.Values{}
		require.NoError(t, json.Unmarshal(body, &fields))
		for name, value := range fields {
			form.Set(name, value)
		}
		body = []byte(form.Encode())
	}
	if d.Form != "" {
		sp.contentType = "application/x-www-form-urlencoded"
	}
	sp.body = body
	return sp
}

// requireStoredFacts waits until as many events are stored and delivered, and compares what they are.
func requireStoredFacts(t *testing.T, s *stack, want map[string]int) {
	t.Helper()
	total := 0
	for _, n := range want {
		total += n
	}
	eventually(t, func() error {
		n := s.bot.distinct()
		listed := s.recorded()
		if n == total && len(listed) == n {
			return nil
		}
		left := maps.Clone(want)
		for _, r := range listed {
			left[storedFacts(r.Event)]--
		}
		maps.DeleteFunc(left, func(_ string, n int) bool { return n == 0 })
		return fmt.Errorf("the bot got %d of %d; there are too few or too many of %v", n, total, left)
	})
	left := maps.Clone(want)
	for _, r := range s.recorded() {
		line := storedFacts(r.Event)
		if left[line] == 0 {
			line = "other"
		}
		require.Positive(t, left[line], "%s: %s", line, r.Event.ID)
		left[line]--
	}
}

func storedFacts(e *event.Event) string {
	if e.OrderKey == e.ID {
		return factsLine(e.Type, e.Subject, "")
	}
	return factsLine(e.Type, e.Subject, e.OrderKey)
}

// factsLine leaves an order out that only stands for the user.
func factsLine(kind, user, order string) string {
	if order == user {
		order = ""
	}
	return strings.Join([]string{kind, user, order}, " | ")
}
