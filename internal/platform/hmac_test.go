package platform_test

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

func TestHMACTemplate(t *testing.T) {
	t.Parallel()
	for _, signed := range []string{
		"{method}\n{path}?{header.X-Region}\n{timestamp}.{id}.{body}",
		// What a Caddyfile makes of the same.
		"{http.request.method}\n{http.request.uri.path}?{http.request.header.X-Region}\n{timestamp}.{id}.{body}",
	} {
		p, err := platform.New("hmac", map[string]string{
			"header": "X-Signature", "prefix": "s=", "algorithm": "sha512", "encoding": "base64", "secret_encoding": "hex",
			"signed": signed, "timestamp_header": "X-Time", "id_header": "X-Id", "tolerance": "10s",
			"type_member": "kind", "user_member": "data.user.id", "order_member": "data.room",
		})
		require.NoError(t, err)
		mac := hmac.New(sha512.New, []byte("key"))
		mac.Write([]byte("POST\n/hooks/x?eu\n1700000000.d1.{\"kind\":\"k\",\"data\":{\"user\":{\"id\":5},\"room\":\"r\"}}"))
		req := &platform.Request{
			Method: http.MethodPost, URL: "https://bots.example/hooks/x?y=1", Header: http.Header{},
			Body: []byte(`{"kind":"k","data":{"user":{"id":5},"room":"r"}}`), Now: time.Unix(1_700_000_010, 0),
		}
		for name, value := range map[string]string{
			"X-Signature": "s=" + base64.StdEncoding.EncodeToString(mac.Sum(nil)), "X-Time": "1700000000", "X-Id": "d1", "X-Region": "eu",
		} {
			req.Header.Set(name, value)
		}
		secrets := []platform.Secret{parse(t, p, "6b6579")}
		require.NoError(t, p.Verify(req, secrets))
		require.Equal(t, "hmac.k | 5 | r | d1", facts(deliver(t, p, req, req.Body).Events[0]))

		for name, reason := range map[string]platform.Reason{"X-Id": platform.SignatureMismatch, "X-Region": platform.SignatureMismatch, "X-Time": badTimestamp} {
			changed := *req
			changed.Header = req.Header.Clone()
			changed.Header.Set(name, "other")
			require.ErrorIs(t, p.Verify(&changed, secrets), reason, name)
		}
		req.Now = req.Now.Add(time.Second)
		require.ErrorIs(t, p.Verify(req, secrets), timestampOutOfTolerance)
	}
}

func TestHMACAnswersChallenges(t *testing.T) {
	t.Parallel()
	p, err := platform.New("hmac", map[string]string{"header": "X", "challenge_member": "data.challenge"})
	require.NoError(t, err)
	delivery := deliver(t, p, &platform.Request{}, []byte(`{"data":{"challenge":"pogchamp"}}`))
	require.Empty(t, delivery.Events)
	require.Equal(t, "200 text/plain; charset=utf-8 pogchamp", show(delivery.Reply))
	require.Len(t, deliver(t, p, &platform.Request{}, []byte(`{"data":{}}`)).Events, 1)
}

func TestHMACOptionsMustFit(t *testing.T) {
	t.Parallel()
	for want, settings := range map[string]map[string]string{
		"option header: it is required":                      {},
		"option algorithm":                                   {"header": "X", "algorithm": "md5"},
		"option encoding":                                    {"header": "X", "encoding": "text"},
		"without {body}":                                     {"header": "X", "signed": "{method}"},
		"a { is not closed":                                  {"header": "X", "signed": "{body"},
		"no variable {host}":                                 {"header": "X", "signed": "{host}{body}"},
		"no variable {header.}":                              {"header": "X", "signed": "{header.}{body}"},
		"{timestamp} and timestamp_header":                   {"header": "X", "timestamp_header": "T"},
		"option signed: {timestamp}":                         {"header": "X", "signed": "{timestamp}{body}"},
		"timestamp_header is set too":                        {"header": "X", "signed": "{timestamp}{body}", "timestamp_header": "T", "timestamp_field": "t"},
		"{id} in signed needs it":                            {"header": "X", "signed": "{id}{body}"},
		"option tolerance or timestamp_format: there is no":  {"header": "X", "tolerance": "1m"},
		"option tolerance or timestamp_format: there is no ": {"header": "X", "timestamp_format": "milliseconds"},
		"option timestamp_format: ":                          {"header": "X", "timestamp_format": "minutes", "timestamp_header": "T", "signed": "{timestamp}{body}"},
		"option field: timestamp_field":                      {"header": "X", "signed": "{timestamp}.{body}", "timestamp_field": "t"},
		"option field: timestamp_field ":                     {"header": "X", "separator": ";"},
		"option url: it is not in signed":                    {"header": "X", "url": "https://bots.example.com"},
		"option url: it must be":                             {"header": "X", "signed": "{url}{body}", "url": "bots.example.com"},
		"option url: it must be ":                            {"header": "X", "signed": "{url}{body}", "url": "https://bots.example.com/?x"},
		"without {body}, once":                               {"header": "X", "signed": "{body}.{body}"},
		"option tolerance: it is not a duration":             {"header": "X", "tolerance": "soon"},
		"option tolerance: it is not a duration ":            {"header": "X", "tolerance": "-5m"},
	} {
		_, err := platform.New("hmac", settings)
		require.ErrorContains(t, err, want[:len(want)-1], settings)
	}
}
