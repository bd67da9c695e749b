package bottoken

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func basic(text string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(text))
}

func TestParseRequest(t *testing.T) {
	t.Parallel()
	const grant = "grant_type=client_credentials"
	ci := credentials{"ci", "s3cret"}
	tests := map[string]struct {
		authorization []string
		form          string
		want          *tokenRequest
	}{
		"Basic":               {[]string{basic("ci:s3cret")}, grant, &tokenRequest{ci, nil}},
		"Basic, other case":   {[]string{"bASIC " + basic("ci:s3cret")[6:]}, grant, &tokenRequest{ci, nil}},
		"Basic, encoded":      {[]string{basic("a%3Ab:100%25+%C3%BC")}, grant, &tokenRequest{credentials{"a:b", "100% ü"}, nil}},
		"Basic and its id":    {[]string{basic("ci:s3cret")}, grant + "&client_id=ci", &tokenRequest{ci, nil}},
		"form":                {nil, grant + "&client_id=ci&client_secret=s3cret", &tokenRequest{ci, nil}},
		"scopes":              {[]string{basic("ci:s3cret")}, grant + "&scope=a+b+a", &tokenRequest{ci, []string{"a", "b"}}},
		"empty is omitted":    {[]string{basic("ci:s3cret")}, grant + "&scope=&client_secret=", &tokenRequest{ci, nil}},
		"others are ignored":  {[]string{basic("ci:s3cret")}, grant + "&resource=a&resource=b", &tokenRequest{ci, nil}},
		"a colon in a secret": {[]string{basic("ci:a:b")}, grant, &tokenRequest{credentials{"ci", "a:b"}, nil}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, refused := parseRequest(http.Header{"Authorization": tt.authorization}, tt.form)
			require.Nil(t, refused)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	t.Parallel()
	const grant = "grant_type=client_credentials"
	ci := []string{basic("ci:s3cret")}
	tests := map[string]struct {
		authorization []string
		form, outcome string
	}{
		"nothing":             {nil, "", outcomeNoCredentials},
		"no secret":           {nil, grant + "&client_id=ci", outcomeNoCredentials},
		"no id":               {nil, grant + "&client_secret=s3cret", outcomeNoCredentials},
		"another scheme":      {[]string{"Bearer abc"}, grant, outcomeNoCredentials},
		"not Base64":          {[]string{"Basic ***"}, grant, outcomeNoCredentials},
		"no colon":            {[]string{basic("ci")}, grant, outcomeNoCredentials},
		"empty id":            {[]string{basic(":s3cret")}, grant, outcomeNoCredentials},
		"badly encoded":       {[]string{basic("ci:100%")}, grant, outcomeNoCredentials},
		"id badly encoded":    {[]string{basic("%:s3cret")}, grant, outcomeNoCredentials},
		"two ways":            {ci, grant + "&client_id=ci&client_secret=s3cret", outcomeMalformed},
		"two headers":         {[]string{ci[0], ci[0]}, grant, outcomeMalformed},
		"two clients":         {ci, grant + "&client_id=other", outcomeMalformed},
		"a parameter twice":   {ci, grant + "&" + grant, outcomeMalformed},
		"a secret twice":      {nil, grant + "&client_id=ci&client_secret=a&client_secret=b", outcomeMalformed},
		"not a form":          {ci, "grant_type=%zz", outcomeMalformed},
		"no grant":            {ci, "scope=a", outcomeMalformed},
		"another grant":       {ci, "grant_type=password", outcomeGrant},
		"a quote in a scope":  {ci, grant + "&scope=%22", outcomeScope},
		"two spaces in scope": {ci, grant + "&scope=a++b", outcomeScope},
		"a huge scope":        {ci, grant + "&scope=" + strings.Repeat("a", 300), outcomeScope},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, refused := parseRequest(http.Header{"Authorization": tt.authorization}, tt.form)
			require.Nil(t, got)
			require.Equal(t, tt.outcome, refused.outcome)
		})
	}
}

func TestIsForm(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		formType: true, formType + "; charset=UTF-8": true, "Application/X-WWW-Form-URLEncoded": true,
		"": false, "application/json": false, formType + "; =": false, "multipart/form-data": false,
	} {
		require.Equal(t, want, isForm(http.Header{"Content-Type": {value}}), value)
	}
	require.False(t, isForm(http.Header{}))
	require.False(t, isForm(http.Header{"Content-Type": {formType, formType}}))
}

func FuzzParseRequest(f *testing.F) {
	f.Add(basic("ci:s3cret"), "grant_type=client_credentials&scope=a+b")
	f.Add("", "grant_type=client_credentials&client_id=ci&client_secret=%73")
	f.Add(basic("%41:%"), "grant_type=password;a=b")
	f.Fuzz(func(t *testing.T, authorization, body string) {
		header := http.Header{}
		if authorization != "" {
			header.Set("Authorization", authorization)
		}
		got, refused := parseRequest(header, body)
		require.NotEqual(t, got == nil, refused == nil)
		if got == nil {
			return
		}
		require.NotEmpty(t, got.id)
		require.NotEmpty(t, got.secret)
		for _, scope := range got.scopes {
			require.True(t, validScope(scope), scope)
		}
		// Said in the other way, or in canonical form, it is the same request.
		again, refused := parseRequest(http.Header{}, url.Values{
			"grant_type": {grantType}, "client_id": {got.id}, "client_secret": {got.secret},
			"scope": {strings.Join(got.scopes, " ")},
		}.Encode())
		require.Nil(t, refused)
		require.Equal(t, got, again)
	})
}
