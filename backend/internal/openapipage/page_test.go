package openapipage

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// TestPageHasAllOfTheDocument looks for each operation and schema on the page, and follows its links.
func TestPageHasAllOfTheDocument(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../api/openapi.yaml")
	require.NoError(t, err)
	page, err := Render(source)
	require.NoError(t, err)
	body := string(page)
	ids, links := map[string]bool{}, map[string]bool{}
	parser := html.NewTokenizer(strings.NewReader(body))
	for kind := parser.Next(); kind != html.ErrorToken; kind = parser.Next() {
		token := parser.Token()
		require.NotContains(t, []string{"script", "img", "link", "iframe"}, token.Data)
		for _, a := range token.Attr {
			require.NotContains(t, []string{"style", "src", "onclick"}, a.Key)
			switch a.Key {
			case "id":
				require.False(t, ids[a.Val] && kind == html.StartTagToken, "%s is there twice", a.Val)
				ids[a.Val] = true
			case "href":
				links[a.Val] = true
			}
		}
	}
	for link := range links {
		require.True(t, link == "openapi.json" || ids[strings.TrimPrefix(link, "#")], link)
	}
	d, err := readDocument(source)
	require.NoError(t, err)
	for _, name := range keys(at(d["components"], "schemas")) {
		require.True(t, ids[name], name)
	}
	for _, path := range keys(d["paths"]) {
		require.Contains(t, body, path)
	}
	require.Contains(t, body, `<h3 id="getEvent"><b>get</b> /v1/events/{id}</h3>`)
	require.Contains(t, body, `<a href="#Event">Event</a> or <a href="#EventFields">EventFields</a>`)
	require.Contains(t, body, "A token with the scope <code>commands:write</code>.")
	require.NotContains(t, body, "ZgotmplZ")
}

// TestPolicy: a browser loads the page's own style sheet, whose hash is in the policy, and nothing else.
func TestPolicy(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; `, Policy())
	require.NotContains(t, Policy(), "unsafe")
	page, err := Render([]byte(`{"info":{"title":"<b>"}}`))
	require.NoError(t, err)
	require.Contains(t, string(page), "<style>"+style+"</style>")
	require.Contains(t, string(page), "&lt;b&gt;")
	_, err = Render([]byte("{"))
	require.Error(t, err)
}
