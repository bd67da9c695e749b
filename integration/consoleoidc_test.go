package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testidp"
)

// TestConsoleAtProvider signs in at an identity provider, as people do: by the button, and back to the page they wanted.
func TestConsoleAtProvider(t *testing.T) {
	t.Parallel()
	idp := testidp.New(t)
	idp.Claim("groups", []string{"staff", "bots on-call"})
	s := newStack(t)
	secret := filepath.Join(s.dir, "client.secret")
	require.NoError(t, os.WriteFile(secret, []byte(testidp.ClientSecret+"\n"), 0o600))
	s.env = append(s.env, "BOTGATE_CONSOLE_OIDC_ISSUER="+idp.URL, "BOTGATE_CONSOLE_OIDC_CLIENT_ID="+testidp.ClientID,
		"BOTGATE_CONSOLE_OIDC_SECRET_FILE="+secret, "BOTGATE_CONSOLE_OIDC_REDIRECT="+s.base+"/console/oidc/callback",
		"BOTGATE_CONSOLE_OIDC_VIEWERS=staff", "BOTGATE_CONSOLE_OIDC_OPERATORS=platform, bots on-call")
	s.startEmbedded()
	b := newBrowser(t, s.base)

	b.goTo("/console/dead?since=all")
	require.Contains(t, b.address(), "/console/login?next=")
	evaluate[chromedp.Void](b, b.axe)
	b.requireAccessible("login with a provider")
	b.picture("login-provider-light")
	evaluate[chromedp.Void](b, `document.documentElement.dataset.theme = "dark"`)
	b.requireAccessible("login with a provider in the dark", "color-contrast")
	b.picture("login-provider-dark")
	b.requireLayout("login with a provider")
	b.do(chromedp.Click(chromedp.CSS(".login a.button")))
	b.await("back at the page", `location.pathname + location.search === "/console/dead?since=all" && document.readyState === "complete"`)
	require.Contains(t, evaluate[string](b, `document.querySelector(".who").textContent`), "olivia")
	require.Contains(t, evaluate[string](b, `document.querySelector(".who").textContent`), "operator")
	b.requireQuiet()

	idp.AnswerAll(http.StatusServiceUnavailable)
	b.goTo("/console/events")
	require.Equal(t, "/console/events", b.address(), "a session does not need the provider")
	idp.AnswerAll(0)
	idp.Claim("groups", []string{"others"})
	b.goTo("/console/oidc")
	b.await("no role", `document.querySelector("h1")?.textContent === "You have no role here" && document.readyState === "complete"`)
	evaluate[chromedp.Void](b, b.axe)
	b.requireAccessible("no role")
	b.picture("login-no-role-light")
	b.requireLayout("no role")
	b.requireQuiet("status of 403")
	require.NotRegexp(t, `[?&]code=[^R]`, s.gateway.output.String(), "codes are in no log")
}
