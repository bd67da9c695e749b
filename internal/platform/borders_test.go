package platform_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

const badBorders platform.Reason = "bad_borders"

// templated has every variable that a template may have.
func templated(signed string, more ...string) map[string]string {
	settings := map[string]string{"header": "X-Signature", "signed": signed, "id_header": "X-Id"}
	if strings.Contains(signed, "{timestamp}") {
		settings["timestamp_header"] = "X-Time"
	}
	for i := 0; i < len(more); i += 2 {
		settings[more[i]] = more[i+1]
	}
	return settings
}

// TestTemplatesWithoutBordersAreRefused names the two parts between which bytes could be moved.
func TestTemplatesWithoutBordersAreRefused(t *testing.T) {
	t.Parallel()
	for signed, between := range map[string]string{
		"{timestamp}{id}{body}":       "{id} and {body}",
		"{id}{body}":                  "{id} and {body}",
		"{body}{id}":                  "{body} and {id}",
		"{body}{timestamp}{id}":       "{body} and {id}",
		"{header.X}{body}":            "{header.X} and {body}",
		"{id}{url}{body}":             "{id} and {url}",
		"{id}{header.X}.{body}":       "{id} and {header.X}",
		"{body}.{uri}{timestamp}{id}": "{uri} and {id}",
		"{body}{url}":                 "{body} and {url}",
	} {
		_, err := platform.New("hmac", templated(signed))
		require.ErrorContains(t, err, "option signed: there is no text between "+between, signed)
	}
	for _, signed := range []string{
		"{timestamp}{body}", "{body}{timestamp}", "{id}{timestamp}{body}", "{url}{body}", "{path}{body}", "{method}{uri}{body}{timestamp}",
		"{timestamp}{method}{url}{body}", "{id}.{timestamp}.{body}", "{body}.{id}", "{method}{id}\n{body}", "{timestamp}{id}:{header.X}|{body}",
	} {
		_, err := platform.New("hmac", templated(signed))
		require.NoError(t, err, signed)
	}
}

// TestMovedBordersAreRefused: a captured request whose bytes were moved from one part to another has the
// right signature, and is refused.
func TestMovedBordersAreRefused(t *testing.T) {
	t.Parallel()
	type sent struct{ url, id, time, body string }
	const now = "1700000000"
	for _, tt := range []struct {
		settings map[string]string
		// first was sent by the sender, and moved was made of it.
		first, moved sent
		want         platform.Reason
	}{
		{
			templated("{id}.{timestamp}.{body}"),
			sent{"/", "a", now, `{"a":".` + now + `."}`},
			sent{"/", "a." + now + `.{"a":"`, now, `"}`},
			badBorders,
		},
		{templated("{timestamp}.{id}.{body}"), sent{"/", "a", now, `{"b.c"}`}, sent{"/", `a.{"b`, now, `c"}`}, badBorders},
		{templated("{body}.{id}"), sent{"/", "a", now, `{"b.c"}`}, sent{"/", `c"}.a`, now, `{"b`}, badBorders},
		{templated("{timestamp}{body}"), sent{"/", "", now, `1{}`}, sent{"/", "", now + "1", `{}`}, timestampOutOfTolerance},
		{templated("{id}{timestamp}{body}"), sent{"/", "a0", now, `{}`}, sent{"/", "a", "0" + now, `{}`}, badTimestamp},
		{templated("{id}{timestamp}{body}"), sent{"/", "a", now, `{"b` + now + `{}"}`}, sent{"/", "a" + now + `{"b`, now, `{}"}`}, badBorders},
		{templated("{url}{body}"), sent{"/hook?a={}", "", now, `{}`}, sent{"/hook?a=", "", now, `{}{}`}, ""},
		{templated("{url}{body}"), sent{"/hook?a=b", "", now, `{}`}, sent{"/hook", "", now, `?a=b{}`}, badBorders},
		{templated("{url}{body}"), sent{"/hook", "", now, `{"a":1}`}, sent{`/hook{"a":1}`, "", now, ``}, badBorders},
		{templated("{uri}|{body}"), sent{"/hook", "", now, `{"a|b":1}`}, sent{`/hook|{"a`, "", now, `b":1}`}, badBorders},
	} {
		p, err := platform.New("hmac", tt.settings)
		require.NoError(t, err)
		secret := parse(t, p, "s3cret")
		request := func(s sent) *platform.Request {
			return &platform.Request{Method: http.MethodPost, URL: "https://bots.example" + s.url, Body: []byte(s.body), Now: time.Unix(1_700_000_000, 0)}
		}
		first := request(tt.first)
		first.Header = p.(platform.Signer).Sign(secret, first, tt.first.id)
		signature := first.Header.Get("X-Signature")
		moved := request(tt.moved)
		moved.Header = http.Header{"X-Signature": {signature}, "X-Id": {tt.moved.id}, "X-Time": {tt.moved.time}}
		err = p.Verify(moved, []platform.Secret{secret})
		if tt.want == "" {
			// The first request is the one that is refused: its address has what only a body may have.
			require.ErrorIs(t, p.Verify(first, []platform.Secret{secret}), badBorders)
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, tt.want, "%+v", tt.moved)
	}
}

// FuzzBorders: of two requests with one signature, both of which pass, the parts are the same.
func FuzzBorders(f *testing.F) {
	templates := []string{
		"{id}.{timestamp}.{body}", "{timestamp}{body}", "{url}{body}", "{id}{timestamp}{body}", "{method}{url}{body}{timestamp}",
		"{body}.{id}", "{uri}\n{header.X}\n{body}",
	}
	for i := range templates {
		f.Add(uint8(i), "/a", "b", "x", `{"c.d":1}`, "/a", "b.c", "", `{"d":1}`)
	}
	f.Fuzz(func(t *testing.T, n uint8, uri1, id1, x1, body1, uri2, id2, x2, body2 string) {
		signed := templates[int(n)%len(templates)]
		p, err := platform.New("hmac", templated(signed))
		require.NoError(t, err)
		secrets := []platform.Secret{parse(t, p, "s3cret")}
		send := func(uri, id, x, body string) (*platform.Request, bool) {
			if !strings.HasPrefix(uri, "/") {
				return nil, false
			}
			req := &platform.Request{Method: http.MethodPost, URL: "https://bots.example" + uri, Body: []byte(body), Now: time.Unix(1_700_000_000, 0), Header: http.Header{"X": {x}}}
			maps.Copy(req.Header, p.(platform.Signer).Sign(secrets[0], req, id))
			return req, p.Verify(req, secrets) == nil
		}
		first, ok1 := send(uri1, id1, x1, body1)
		second, ok2 := send(uri2, id2, x2, body2)
		if !ok1 || !ok2 || first.Header.Get("X-Signature") != second.Header.Get("X-Signature") {
			return
		}
		parts := func(req *platform.Request) []string {
			all := []string{string(req.Body)}
			for variable, value := range map[string]string{"{id}": req.Header.Get("X-Id"), "{header.X}": req.Header.Get("X"), "{ur": req.URL} {
				if strings.Contains(signed, variable) {
					all = append(all, variable+value)
				}
			}
			slices.Sort(all)
			return all
		}
		require.Equal(t, parts(first), parts(second))
	})
}

// TestStandardWebhooksIDsHaveNoTimestamp: the dots between id, timestamp and body can't be moved, neither in a
// request whose id looks like two of these parts nor to make such an id.
func TestStandardWebhooksIDsHaveNoTimestamp(t *testing.T) {
	t.Parallel()
	p := get(t, "standard-webhooks")
	secret := parse(t, p, otherSecret("standard-webhooks"))
	for id, want := range map[string]platform.Reason{
		"a": "", "a.r1": "", "a.42": "", "a.17000000000": "", "1700000000": "", "a.": "",
		"a.1700000000": badBorders, "a.1700000099.r1": badBorders, `a.1700000000.{"b":"`: badBorders,
	} {
		req := &platform.Request{Method: http.MethodPost, Body: []byte(`{}`), Now: time.Unix(1_700_000_001, 0)}
		req.Header = p.(platform.Signer).Sign(secret, req, id)
		requireReason(t, want, p.Verify(req, []platform.Secret{secret}))
	}
}
