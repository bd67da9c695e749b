package platform_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

const (
	standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	standardGood   = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	standardOther  = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	standardAt     = 1614265330
)

// standardRequest is the request of the first vector, with the given headers instead.
func standardRequest(id, timestamp, signature string) *platform.Request {
	header := http.Header{}
	header.Set("webhook-id", id)
	header.Set("webhook-timestamp", timestamp)
	header.Set("webhook-signature", signature)
	return &platform.Request{Header: header, Body: []byte(`{"test": 2432232314}`), Now: time.Unix(standardAt, 0)}
}

func TestStandardWebhooksRefuses(t *testing.T) {
	t.Parallel()
	const id, at = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330"
	tests := map[string]struct {
		id, at, signature string
		want              platform.Reason
	}{
		"good":                     {id, at, standardGood, ""},
		"good after a broken one":  {id, at, "v1,*** " + standardGood, ""},
		"good among many":          {id, at, strings.Repeat(standardOther+" ", 15) + standardGood, ""},
		"good beyond the limit":    {id, at, strings.Repeat(standardOther+" ", 16) + standardGood, platform.SignatureMismatch},
		"no signature":             {id, at, "", platform.HeaderMissing},
		"no timestamp":             {id, "", standardGood, platform.HeaderMissing},
		"only spaces":              {id, at, " ", unknownVersion},
		"asymmetric version alone": {id, at, "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhq", platform.SignatureMismatch},
		"good under another name":  {id, at, "v1a" + standardGood[2:], platform.SignatureMismatch},
		"unknown version alone":    {id, at, "v3" + standardGood[2:], unknownVersion},
		"no version":               {id, at, standardGood[3:], unknownVersion},
		"not base64":               {id, at, "v1,***", badEncoding},
		"cut":                      {id, at, standardGood[:len(standardGood)-4], platform.SignatureMismatch},
		"empty signature":          {id, at, "v1,", platform.SignatureMismatch},
		"timestamp in words":       {id, "today", standardGood, badTimestamp},
		"timestamp with fraction":  {id, at + ".5", standardGood, badTimestamp},
		"timestamp too large":      {id, "99999999999999999999", standardGood, badTimestamp},
		"timestamp of the end":     {id, "9223372036854775807", standardGood, timestampOutOfTolerance},
		"timestamp of the start":   {id, "-9223372036854775808", standardGood, timestampOutOfTolerance},
		"timestamp changed":        {id, "1614265331", standardGood, platform.SignatureMismatch},
		"id changed":               {id + "0", at, standardGood, platform.SignatureMismatch},
	}
	p := get(t, "standard-webhooks")
	secret := parse(t, p, standardSecret)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := standardRequest(tt.id, tt.at, tt.signature)
			requireReason(t, tt.want, p.Verify(req, []platform.Secret{secret}))
		})
	}
}

func TestStandardWebhooksTolerance(t *testing.T) {
	t.Parallel()
	p := get(t, "standard-webhooks")
	secret := parse(t, p, standardSecret)
	for offset, want := range map[int64]platform.Reason{
		-301: timestampOutOfTolerance, -300: "", 0: "", 300: "", 301: timestampOutOfTolerance,
	} {
		req := standardRequest("msg_1", "", "")
		req.Now = time.Unix(standardAt+offset, 0)
		req.Header = p.(platform.Signer).Sign(secret, req, "msg_1")
		req.Now = time.Unix(standardAt, 0)
		requireReason(t, want, p.Verify(req, []platform.Secret{secret}))
	}
}

func TestStandardWebhooksSpellingsAreNotMixed(t *testing.T) {
	t.Parallel()
	p := get(t, "standard-webhooks")
	secret := parse(t, p, standardSecret)
	req := standardRequest("", "1614265330", standardGood)
	req.Header.Set("svix-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	require.ErrorIs(t, p.Verify(req, []platform.Secret{secret}), platform.HeaderMissing)
}

func TestStandardWebhooksRead(t *testing.T) {
	t.Parallel()
	p := get(t, "standard-webhooks")
	for document, want := range map[string]string{
		`{"type":"invoice.paid","data":{"type":"x"}}`: "standard.invoice.paid",
		`{"data":{"type":"x"}}`:                       "standard.event",
		`{"type":""}`:                                 "standard.event",
		`{"type":7}`:                                  "standard.event",
		`{"type":{"type":"x"}}`:                       "standard.event",
		`["type","x"]`:                                "standard.event",
		`{"type":"caf\u00e9"}`:                        "standard.café",
		``:                                            "standard.event",
	} {
		delivery := deliver(t, p, standardRequest("msg_1", "1", "v1,x"), []byte(document))
		require.Len(t, delivery.Events, 1)
		require.Equal(t, want+" |  |  | msg_1", facts(delivery.Events[0]), document)
	}
}

func TestStandardWebhooksSignature(t *testing.T) {
	t.Parallel()
	secret, err := platform.ParseStandardWebhooksSecret(standardSecret)
	require.NoError(t, err)
	body, at := []byte(`{"test": 2432232314}`), time.Unix(standardAt, 999)
	_, signature := platform.SignStandardWebhooks([]platform.Secret{secret}, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body)
	require.Equal(t, standardGood, signature)

	for _, spelling := range []string{
		strings.TrimPrefix(standardSecret, "whsec_"), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA",
	} {
		_, err := platform.ParseStandardWebhooksSecret(spelling)
		require.NoError(t, err, spelling)
	}
	bare, err := platform.ParseStandardWebhooksSecret(strings.TrimPrefix(standardSecret, "whsec_"))
	require.NoError(t, err)
	_, signature = platform.SignStandardWebhooks([]platform.Secret{bare}, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body)
	require.Equal(t, standardGood, signature)

	// Who signs needs a secret: a public key would make empty signatures.
	_, err = platform.ParseStandardWebhooksSecret("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")
	require.ErrorContains(t, err, "whsec_<base64>")
}
