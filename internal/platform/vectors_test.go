package platform_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// vector is one request of testdata/signature_vectors.json.
type vector struct {
	ID, Platform, Scheme, Case, Method, URL, Body, Reason string

	Secret        json.RawMessage
	Headers       map[string]string
	Now           int64
	ExpectValid   bool `json:"expect_valid"`
	PrimitiveOnly bool `json:"primitive_only"`
}

// tokenSecret is the secret of a platform that sends signed tokens.
type tokenSecret struct {
	JWKS     json.RawMessage
	Audience string
	Mode     string
}

// standsFor names the platforms that verify the vectors of other senders.
var standsFor = map[string]string{"convoy-outbound": "hmac", "hook0-outbound": "hook0"}

// convoySettings are the options of "hmac" for Convoy's two modes.
var convoySettings = map[string]map[string]string{
	"simple":   {"header": "X-Convoy-Signature"},
	"advanced": {"header": "X-Convoy-Signature", "field": "v1", "timestamp_field": "t", "signed": "{timestamp},{body}", "tolerance": "876000h"},
}

func (v vector) platform(t testing.TB) platform.Platform {
	t.Helper()
	name, settings := v.Platform, map[string]string{}
	if other, ok := standsFor[name]; ok {
		name = other
	}
	switch {
	case v.Scheme == "hmac-sha1-hex":
		settings["legacy_sha1"] = "on"
	case v.Platform == "convoy-outbound":
		mode, rest, _ := strings.Cut(v.Scheme, "-")
		settings = maps.Clone(convoySettings[mode])
		settings["algorithm"] = strings.ToLower(strings.TrimSuffix(rest, "-hex"))
	case v.Platform == "botframework":
		settings["app_id"] = v.token(t).Audience
	case v.Platform == "google-chat":
		settings["audience"] = v.token(t).Audience
	}
	p, err := platform.New(name, settings)
	require.NoError(t, err)
	return p
}

func (v vector) token(t testing.TB) (s tokenSecret) {
	t.Helper()
	require.NoError(t, json.Unmarshal(v.Secret, &s))
	return s
}

func (v vector) secret(t testing.TB) platform.Secret {
	t.Helper()
	if v.Secret[0] == '{' {
		return parse(t, v.platform(t), string(v.token(t).JWKS))
	}
	var raw string
	require.NoError(t, json.Unmarshal(v.Secret, &raw))
	return parse(t, v.platform(t), raw)
}

func (v vector) request() *platform.Request {
	header := http.Header{}
	for name, value := range v.Headers {
		header.Set(name, value)
	}
	now := v.Now
	if now == 0 {
		now = 1_700_000_000
	}
	return &platform.Request{Method: v.Method, URL: v.URL, Header: header, Body: []byte(v.Body), Now: time.Unix(now, 0)}
}

func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/signature_vectors.json")
	require.NoError(t, err)
	var all []vector
	require.NoError(t, json.Unmarshal(raw, &all))
	require.NotEmpty(t, all)
	return all
}

// sameReason maps other words for the reasons to ours.
var sameReason = map[string]platform.Reason{
	"code_mismatch":        platform.SignatureMismatch,
	"outside_tolerance":    timestampOutOfTolerance,
	"header_not_delivered": platform.HeaderMissing,
	"code_not_hexadecimal": badEncoding,
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		t.Run(v.ID+" "+v.Case, func(t *testing.T) {
			t.Parallel()
			err := v.platform(t).Verify(v.request(), []platform.Secret{v.secret(t)})
			switch {
			case v.PrimitiveOnly:
				// Its timestamp is empty, which no sender of real requests leaves it.
				require.ErrorIs(t, err, platform.HeaderMissing)
			case v.ExpectValid:
				require.NoError(t, err)
			case v.Reason == "":
				require.Error(t, err)
			default:
				want, ok := sameReason[v.Reason]
				if !ok {
					want = platform.Reason(v.Reason)
				}
				require.ErrorIs(t, err, want)
			}
		})
	}
}

// TestVectorsWithAnotherSecretToo checks rotation: of several secrets any one will do.
func TestVectorsWithAnotherSecretToo(t *testing.T) {
	t.Parallel()
	others := map[string]vector{}
	for _, v := range vectors(t) {
		if !v.ExpectValid || v.PrimitiveOnly {
			continue
		}
		p, req, right := v.platform(t), v.request(), v.secret(t)
		wrong, ok := others[v.Platform+v.Scheme]
		if !ok {
			others[v.Platform+v.Scheme] = v
			require.Error(t, p.Verify(req, nil), v.ID)
			require.Error(t, p.Verify(req, []platform.Secret{{}}), v.ID)
			continue
		}
		both := []platform.Secret{wrong.secret(t), right}
		require.NoError(t, p.Verify(req, both), v.ID)
		both[0], both[1] = both[1], both[0]
		require.NoError(t, p.Verify(req, both), v.ID)
	}
}

// handshakeVector is one entry of testdata/handshake_vectors.json.
type handshakeVector struct {
	Platform, Case string
	Request        struct {
		Method, URL, Body string
		Headers           map[string]string
	}
	Config   map[string]string
	Response struct {
		Status  any
		Headers map[string]string
		Body    *string
	}
}

func TestHandshakeVectors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/handshake_vectors.json")
	require.NoError(t, err)
	var all []handshakeVector
	require.NoError(t, json.Unmarshal(raw, &all))
	require.NotEmpty(t, all)
	for _, v := range all {
		t.Run(v.Platform+" "+v.Case, func(t *testing.T) {
			t.Parallel()
			p, err := platform.New(v.Platform, v.Config)
			require.NoError(t, err)
			v.requireAnswer(t, p)
		})
	}
}

func (v handshakeVector) requireAnswer(t *testing.T, p platform.Platform) {
	t.Helper()
	req := &platform.Request{
		Method: v.Request.Method, URL: "https://bots.example" + v.Request.URL,
		Header: http.Header{}, Body: []byte(v.Request.Body), Now: time.Unix(1_700_000_000, 0),
	}
	for name, value := range v.Request.Headers {
		req.Header.Set(name, value)
	}
	if v.Response.Status == float64(http.StatusUnauthorized) {
		require.Error(t, p.Verify(req, []platform.Secret{parse(t, p, strings.Repeat("ab", 32))}))
		return
	}
	reply := answer(p, req)
	require.NotNil(t, reply)
	if v.Response.Status == "2xx" {
		require.Equal(t, 2, reply.Status/100)
	} else {
		require.EqualValues(t, v.Response.Status, reply.Status)
	}
	if v.Response.Body != nil {
		require.Equal(t, *v.Response.Body, string(reply.Body))
	}
	require.True(t, strings.HasPrefix(reply.ContentType, v.Response.Headers["Content-Type"]), reply.ContentType)
}

// answer is the reply to a request that brings no event.
func answer(p platform.Platform, req *platform.Request) *platform.Reply {
	if prober, ok := p.(platform.Prober); ok {
		if reply := prober.Probe(req); reply != nil {
			return reply
		}
	}
	if delivery, err := p.Read(req, req.Body); err == nil && len(delivery.Events) == 0 {
		return delivery.Reply
	}
	return nil
}
