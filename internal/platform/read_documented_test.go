package platform_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// documented is a kind of payload in a platform's own reference, of testdata/documented.
type documented struct {
	// Name and Page say what it is and where the platform describes it.
	Name, Page string
	Headers    map[string]string
	Form       string
	Body       json.RawMessage
	// Want are the events: of each, type, user and order key, separated by " | ".
	Want []string
	// Email is the account in the token of Google Chat.
	Email string
	// Unnamed says that nothing in it names its delivery.
	Unnamed bool
	// Retry is what the platform changes when it sends it again.
	Retry change
	// Others are the least changes that make another event of it.
	Others []change
}

// change is what differs in another request.
type change struct {
	// Replace has the texts of the body that are others, by those that they replace.
	Replace map[string]string
	Headers map[string]string
}

// documentedCases reads all of them, by platform.
func documentedCases(t testing.TB) map[string][]documented {
	t.Helper()
	files, err := filepath.Glob("testdata/documented/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := map[string][]documented{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		var cases []documented
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		require.NoError(t, decoder.Decode(&cases), file)
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		all[name] = append(all[name], cases...)
	}
	return all
}

// forEachDocumented runs a test for each case of each platform.
func forEachDocumented(t *testing.T, run func(t *testing.T, name string, d documented)) {
	t.Helper()
	for name, cases := range documentedCases(t) {
		for _, d := range cases {
			t.Run(name+"/"+d.Name, func(t *testing.T) {
				t.Parallel()
				run(t, name, d)
			})
		}
	}
}

func (d documented) request(t testing.TB, name string) *platform.Request {
	t.Helper()
	req, _ := d.send(t, name, change{}, 1_700_000_000).request(t)
	return req
}

// send is the request of the case with a change to it, as the platform sends it at that time.
func (d documented) send(t testing.TB, name string, with change, at int64) sent {
	t.Helper()
	headers := maps.Clone(d.Headers)
	if headers == nil {
		headers = map[string]string{}
	}
	maps.Copy(headers, with.Headers)
	return sent{
		platform: name, headers: headers, form: d.Form, body: with.apply(t, d.Body), email: d.Email, at: time.Unix(at, 0),
	}
}

// apply replaces the texts in the body; each must be there.
func (c change) apply(t testing.TB, body []byte) []byte {
	t.Helper()
	for old, text := range c.Replace {
		require.Contains(t, string(body), old)
		body = bytes.ReplaceAll(body, []byte(old), []byte(text))
	}
	return body
}

// TestDocumented checks what each documented kind of payload brings.
func TestDocumented(t *testing.T) {
	t.Parallel()
	forEachDocumented(t, func(t *testing.T, name string, d documented) {
		require.True(t, strings.HasPrefix(d.Page, "https://"), "the page that describes it")
		delivery, _ := readSent(t, d.send(t, name, change{}, 1_700_000_000))
		require.Equal(t, d.Want, threeFacts(delivery))
		require.NotNil(t, delivery, "answered")
	})
}

func threeFacts(delivery platform.Delivery) []string {
	got := []string{}
	for _, e := range delivery.Events {
		got = append(got, strings.Join([]string{e.Type, e.User, e.OrderKey}, " | "))
	}
	return got
}

// TestDocumentedTwice sends each documented kind twice, as the platform does when it was not answered, and
// finds one event; and finds two where the least differs that makes another event.
func TestDocumentedTwice(t *testing.T) {
	t.Parallel()
	forEachDocumented(t, func(t *testing.T, name string, d documented) {
		if len(d.Want) == 0 {
			t.Skip("it brings no event")
		}
		ids := func(with change, at int64) []string {
			s := d.send(t, name, with, at)
			delivery, body := readSent(t, s)
			return identities(s, delivery, body)
		}
		first := ids(change{}, 1_700_000_000)
		if d.Unnamed {
			require.Contains(t, first, "unnamed")
			return
		}
		require.NotContains(t, first, "unnamed")
		require.Equal(t, first, ids(d.Retry, 1_700_000_060), "a retry is the same event")
		require.NotEmpty(t, d.Others, "another event of its kind")
		for _, other := range d.Others {
			require.NotEqual(t, first, ids(other, 1_700_000_000), "another event: %v", other)
		}
	})
}

// TestPartsOfABatch reads each part of a batch as the request of its own that it is: the same facts, and
// the same identity, for a platform may join others with it when it sends them again.
func TestPartsOfABatch(t *testing.T) {
	t.Parallel()
	forEachDocumented(t, func(t *testing.T, name string, d documented) {
		s := d.send(t, name, change{}, 1_700_000_000)
		delivery, body := readSent(t, s)
		ids := identities(s, delivery, body)
		for n, e := range delivery.Events {
			if e.Body == nil {
				continue
			}
			s.body = e.Body
			alone, own := readSent(t, s)
			require.Equal(t, []string{threeFacts(delivery)[n]}, threeFacts(alone))
			require.Equal(t, []string{ids[n]}, identities(s, alone, own))
		}
	})
}
