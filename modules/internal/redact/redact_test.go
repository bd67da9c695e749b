package redact

import (
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	Parameter("Session")
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
	for address, want := range map[string]string{
		"/v1/events":                          "/v1/events",
		"/v1/events?bot=demo&limit=5":         "/v1/events?bot=demo&limit=5",
		"/x?access_token=abc":                 "/x?access_token=REDACTED",
		"/x?a=1&token=abc&b=%zz":              "/x?a=1&token=REDACTED&b=%zz",
		"/x?a;token=abc":                      "/x?a;token=REDACTED",
		"/x?x=%zz&token=abc=def":              "/x?x=%zz&token=REDACTED",
		"/x?%74oken=abc&TOKEN=d":              "/x?%74oken=REDACTED&TOKEN=REDACTED",
		"/x?hub.verify_token=a&hub.mode=b":    "/x?hub.verify_token=REDACTED&hub.mode=b",
		"/x?code=abc#access_token=abc":        "/x?code=REDACTED#access_token=REDACTED",
		"/x?client_secret=abc&client_id=me":   "/x?client_secret=REDACTED&client_id=me",
		"/x?session=abc":                      "/x?session=REDACTED",
		"/x?mine=" + jwt + "&b=1":             "/x?mine=REDACTED&b=1",
		"/reset/" + jwt + "/now":              "/reset/REDACTED/now",
		"https://h/x?a=1&refresh_token=a?b=c": "https://h/x?a=1&refresh_token=REDACTED",
		"/x?token":                            "/x?token", "/x?": "/x?", "/x?&&token=&": "/x?&&token=REDACTED&", "": "",
	} {
		require.Equal(t, want, Address(address), address)
		require.Equal(t, want, new(Filter).Filter(zap.String("uri", address)).String)
		list := new(Filter).Filter(zap.Array("Referer", caddyhttp.LoggableStringArray{address, "plain"}))
		require.Equal(t, caddyhttp.LoggableStringArray{want, "plain"}, list.Interface)
	}
}

// FuzzAddress: addresses are the caller's, and what is no secret stays as it is.
func FuzzAddress(f *testing.F) {
	f.Add("/x?a=1&token=abc;code=d#e")
	f.Fuzz(func(t *testing.T, address string) {
		once := Address(address)
		require.Equal(t, once, Address(once))
	})
}
