package botjwt

import (
	"net/http"
	"net/url"
	"slices"
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

// given is a token as the request carries it.
type given struct {
	token string
	// in is one of the places. Of several tokens it is one that is not the header, if there is one.
	in string
}

// tokenOf returns the request's token, and takes it out of cookies and query, which are for nobody behind this handler.
// Tokens in two places are refused: others down the line might trust the one that was not verified.
func tokenOf(r *http.Request, sources []SourceConfig) (given, error) {
	var space [2]given
	found := space[:0]
	for _, source := range sources {
		switch source.In {
		case inHeader:
			found = appendBearers(found, r.Header)
		case inCookie:
			found = appendGiven(found, inCookie, takeCookie(r.Header, source.Name))
		case inQuery:
			found = appendGiven(found, inQuery, takeQuery(r, source.Name))
		}
	}
	switch len(found) {
	case 0:
		return given{in: inHeader}, reasonMissing
	case 1:
		return found[0], nil
	}
	if i := slices.IndexFunc(found, func(g given) bool { return g.in != inHeader }); i >= 0 {
		return found[i], reasonTwoTokens
	}
	return found[0], reasonTwoTokens
}

func appendGiven(found []given, in string, tokens []string) []given {
	for _, token := range tokens {
		found = append(found, given{token, in})
	}
	return found
}

// appendBearers appends the tokens of the Authorization header (RFC 6750, section 2.1). Another header beside it counts
// as one, whatever it has.
func appendBearers(found []given, header http.Header) []given {
	values := header.Values("Authorization")
	if len(values) > 1 {
		return appendGiven(found, inHeader, values)
	}
	scheme, token, _ := strings.Cut(header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return found
	}
	return append(found, given{strings.TrimSpace(token), inHeader})
}

// takeCookie takes the cookies of that name out of the request and returns their values. Others stay as they are
// written.
func takeCookie(header http.Header, name string) (values []string) {
	lines := header["Cookie"]
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, name) }) {
		return nil
	}
	var rest []string
	for _, line := range lines {
		var kept []string
		for pair := range strings.SplitSeq(line, ";") {
			key, value, _ := strings.Cut(pair, "=")
			if strings.TrimSpace(key) == name {
				values = append(values, unquoted(strings.TrimSpace(value)))
			} else {
				kept = append(kept, pair)
			}
		}
		if line := strings.TrimSpace(strings.Join(kept, ";")); line != "" {
			rest = append(rest, line)
		}
	}
	if header["Cookie"] = rest; len(rest) == 0 {
		header.Del("Cookie")
	}
	return values
}

// unquoted is a cookie's value without the quotes that RFC 6265, section 4.1.1, allows around it.
func unquoted(value string) string {
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

// takeQuery takes the parameter out of the request, so that it goes neither upstream nor
// into what is written about the request from here on.
func takeQuery(r *http.Request, name string) []string {
	rest, values := withoutParameter(r.URL.RawQuery, name)
	if len(values) == 0 {
		return nil
	}
	r.URL.RawQuery = rest
	r.RequestURI = r.URL.RequestURI()
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		original.URL.RawQuery, _ = withoutParameter(original.URL.RawQuery, name)
	}
	return values
}

// withoutParameter returns the query without a parameter, and its values. All else stays as it is written, also what is
// malformed. A semicolon ends a part as & does: some servers take it for the same.
func withoutParameter(query, name string) (rest string, values []string) {
	var kept strings.Builder
	for separator, left := "", query; left != ""; {
		part := left
		end := strings.IndexAny(left, "&;")
		if end >= 0 {
			part = left[:end]
		}
		key, value, _ := strings.Cut(part, "=")
		if unescaped(key) == name {
			values = append(values, unescaped(value))
		} else {
			kept.WriteString(separator + part)
		}
		if separator, left = "", left[len(part):]; end >= 0 {
			separator, left = left[:1], left[1:]
		}
	}
	if len(values) == 0 {
		return query, nil
	}
	return strings.TrimLeft(kept.String(), "&;"), values
}

// unescaped is a part of a query as it is meant, or as it is written where that can't be told.
func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}
