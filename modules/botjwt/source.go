package botjwt

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// SourceConfig says where a request may carry its token.
type SourceConfig struct {
	// In is header (the Authorization header), cookie or query.
	In string `json:"in"`
	// Name is that of the cookie or the query parameter.
	Name string `json:"name,omitempty"`
}

// The places of [SourceConfig].
const (
	inHeader = "header"
	inCookie = "cookie"
	inQuery  = "query"
)

// tokenOf returns the request's token. Tokens in two places are refused: others down the
// line might trust the one that was not verified.
func tokenOf(r *http.Request, sources []SourceConfig) (string, error) {
	var found []string
	for _, source := range sources {
		switch source.In {
		case inHeader:
			values, err := bearers(r.Header)
			if err != nil {
				return "", err
			}
			found = append(found, values...)
		case inCookie:
			for _, cookie := range r.CookiesNamed(source.Name) {
				found = append(found, cookie.Value)
			}
		case inQuery:
			found = append(found, takeQuery(r, source.Name)...)
		}
	}
	switch len(found) {
	case 0:
		return "", reasonMissing
	case 1:
		return found[0], nil
	}
	return "", reasonTwoTokens
}

// bearers returns the tokens of the Authorization header (RFC 6750, section 2.1).
func bearers(header http.Header) ([]string, error) {
	values := header.Values("Authorization")
	if len(values) > 1 {
		return nil, reasonTwoTokens
	}
	scheme, token, _ := strings.Cut(header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, nil
	}
	return []string{strings.TrimSpace(token)}, nil
}

// takeQuery takes the parameter out of the request, so that it goes neither upstream nor
// into what is written about the request from here on.
func takeQuery(r *http.Request, name string) []string {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || !values.Has(name) {
		return nil
	}
	given := values[name]
	r.URL.RawQuery = withoutParameter(r.URL.RawQuery, name)
	r.RequestURI = r.URL.RequestURI()
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		original.URL.RawQuery = withoutParameter(original.URL.RawQuery, name)
	}
	return given
}

// withoutParameter keeps all other parameters as they are written.
func withoutParameter(query, name string) string {
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		key, _, _ := strings.Cut(part, "=")
		if unescaped, err := url.QueryUnescape(key); err != nil || unescaped != name {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}
