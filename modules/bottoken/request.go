package bottoken

import (
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxBody is the largest form in bytes.
const maxBody = 8 << 10

const (
	formType  = "application/x-www-form-urlencoded"
	grantType = "client_credentials"
)

// credentials name a client and prove that it is this one.
type credentials struct{ id, secret string }

// tokenRequest is an access token request (RFC 6749, section 4.4.2).
type tokenRequest struct {
	credentials
	// scopes are those that were asked for; none for all that the client may have.
	scopes []string
}

// isForm reports whether the body is said to be a form.
func isForm(header http.Header) bool {
	values := header.Values("Content-Type")
	if len(values) != 1 {
		return false
	}
	media, _, err := mime.ParseMediaType(values[0])
	return err == nil && media == formType
}

// parseRequest reads a request whose body is a form. Nothing about the client is known
// yet.
func parseRequest(header http.Header, body string) (*tokenRequest, *refusal) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return nil, malformed("The body is not a form.")
	}
	for name, values := range form {
		if len(values) > 1 && slices.Contains(parameters, name) {
			return nil, malformed("A parameter is there more than once.")
		}
	}
	who, refused := parseCredentials(header.Values("Authorization"), form)
	if refused != nil {
		return nil, refused
	}
	switch form.Get("grant_type") {
	case "":
		return nil, malformed("The parameter grant_type is missing.")
	case grantType:
	default:
		return nil, badGrant
	}
	scopes, ok := parseScopes(form.Get("scope"))
	if !ok {
		return nil, badScope
	}
	return &tokenRequest{credentials: who, scopes: scopes}, nil
}

// parameters are those that mean something here. Others are ignored (section 3.2).
var parameters = []string{"grant_type", "scope", "client_id", "client_secret"}

// parseCredentials takes them from the Authorization header or the form (section 2.3.1),
// never from both.
func parseCredentials(authorization []string, form url.Values) (credentials, *refusal) {
	who := credentials{form.Get("client_id"), form.Get("client_secret")}
	if len(authorization) == 0 {
		if who.id == "" || who.secret == "" {
			return credentials{}, noCredentials
		}
		return who, nil
	}
	if len(authorization) > 1 || who.secret != "" {
		return credentials{}, malformed("The client authenticates in more than one way.")
	}
	basic, ok := parseBasic(authorization[0])
	if !ok {
		return credentials{}, noCredentials
	}
	if who.id != "" && who.id != basic.id {
		return credentials{}, malformed("The parameter client_id names another client.")
	}
	return basic, nil
}

// parseBasic reads "Basic" credentials, whose parts are encoded as in a form so that they
// may hold a colon.
func parseBasic(authorization string) (who credentials, ok bool) {
	scheme, encoded, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return credentials{}, false
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return credentials{}, false
	}
	id, secret, _ := strings.Cut(string(raw), ":")
	if who.id, err = url.QueryUnescape(id); err != nil {
		return credentials{}, false
	}
	if who.secret, err = url.QueryUnescape(secret); err != nil {
		return credentials{}, false
	}
	return who, who.id != "" && who.secret != ""
}

// parseScopes reads a list of scopes separated by single spaces (section 3.3).
func parseScopes(list string) (scopes []string, ok bool) {
	if list == "" {
		return nil, true
	}
	for scope := range strings.SplitSeq(list, " ") {
		if !validScope(scope) {
			return nil, false
		}
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes, true
}
