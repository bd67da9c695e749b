package console

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/requestid"
)

// The headers in which the gateway says whose token it verified.
const (
	userHeader   = "X-Botgate-User"
	issuerHeader = "X-Botgate-Issuer"
	scopesHeader = "X-Botgate-Scopes"
	tokenHeader  = "X-Botgate-Token"
	issuedHeader = "X-Botgate-Issued"
	// clientHeader has the address that a request came from.
	clientHeader = "X-Botgate-Client"
)

// linkMemory is how long the id of a link is remembered: longer than a link is good for.
const linkMemory = time.Hour

var (
	notVerified = problem.New(http.StatusForbidden, "not-verified", "Nobody verified who is signing in.").
			WithDetail("Only the gateway can let somebody in: the route of /console/session has bot_jwt in the shipped Caddyfile.")
	notForConsole = problem.New(http.StatusForbidden, "insufficient-scope", "The token does not allow this.").
			WithDetail("The console needs a token with the scope %s.", scopeRead)
	linkUsed = problem.New(http.StatusForbidden, "link-used", "The link was used before.").
			WithDetail(`Each link is good once: "botgate console-link" makes another one.`)
	unavailable = problem.New(http.StatusServiceUnavailable, "unavailable", "The service is unavailable.").WithRetryAfter(2 * time.Second)
)

// showLogin shows the page that takes a token from behind the # of its address, or pasted.
func (c *Console) showLogin(v *visit) error {
	v.bare = true
	return v.render("login", "Sign in", struct{ Next string }{inside(v.r.URL.Query().Get("next"))})
}

// inside keeps an address that a page may send its visitor to: one of the console's own.
func inside(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || strings.ContainsAny(next, "\\\r\n\t") ||
		!strings.HasPrefix(u.Path, Path+"/") || u.Path == Path+"/login" {
		return Path + "/"
	}
	return next
}

// signIn begins the session of whom the gateway verified.
func (c *Console) signIn(v *visit) error {
	s, refused := c.sessionOf(v.r.Header)
	if refused == nil && slices.Contains(s.Scopes, scopeLink) {
		refused = c.useLink(v, s.Token)
	}
	if refused != nil {
		return refused.Write(v.w)
	}
	s.Scopes = slices.DeleteFunc(s.Scopes, func(scope string) bool { return scope == scopeLink })
	value, err := c.seal(s)
	if err != nil {
		return err
	}
	http.SetCookie(v.w, cookie(v.r, nameOf(v.r), value, sessionLife))
	c.cfg.Logger.InfoContext(v.r.Context(), "signed in to the console", slog.String("user", s.User),
		slog.String("issuer", s.Issuer), slog.String("role", roleOf(s.Scopes)), slog.String("session", s.ID))
	v.w.WriteHeader(http.StatusNoContent)
	return nil
}

// sessionOf begins a session with what the gateway says of a token, of whose scopes only those count that pages ask for.
func (c *Console) sessionOf(h http.Header) (s session, refused *problem.Problem) {
	for _, name := range []string{userHeader, scopesHeader, botclaim.Header} {
		if len(h.Values(name)) != 1 {
			return s, notVerified
		}
	}
	issued, _ := strconv.ParseInt(h.Get(issuedHeader), 10, 64)
	now := c.cfg.Now().Unix()
	s = session{
		ID: requestid.New(), User: h.Get(userHeader), Issuer: h.Get(issuerHeader), Bot: h.Get(botclaim.Header),
		Token: h.Get(tokenHeader), Issued: issued, Begun: now, Seen: now,
	}
	for scope := range strings.FieldsSeq(h.Get(scopesHeader)) {
		if slices.Contains([]string{scopeRead, scopeAct, scopeAdmin, scopeLink}, scope) && !slices.Contains(s.Scopes, scope) {
			s.Scopes = append(s.Scopes, scope)
		}
	}
	switch {
	case s.User == "":
		return s, notVerified
	case !slices.Contains(s.Scopes, scopeRead):
		return s, notForConsole
	}
	return s, nil
}

// useLink refuses a link that was used before, or that can't be told from others.
func (c *Console) useLink(v *visit, id string) *problem.Problem {
	if id == "" {
		return linkUsed
	}
	first, err := c.cfg.First(v.r.Context(), id, linkMemory)
	switch {
	case err != nil:
		c.cfg.Logger.WarnContext(v.r.Context(), "a link to the console can't be looked up", slog.Any("error", err))
		return unavailable
	case !first:
		return linkUsed
	}
	return nil
}

// signOut ends the session in this browser.
func (c *Console) signOut(v *visit) error {
	http.SetCookie(v.w, cookie(v.r, nameOf(v.r), "", -time.Second))
	v.w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	v.redirect(Path + "/login")
	return nil
}

// signInFirst sends a visitor to the login, and back from there. What a form sent is not sent again.
func (v *visit) signInFirst() {
	next := v.r.URL.RequestURI()
	if v.r.Method != http.MethodGet {
		next = v.r.Referer()
		if u, err := url.Parse(next); err == nil {
			next = u.RequestURI()
		}
	}
	v.redirect(Path + "/login?" + url.Values{"next": {cmp.Or(inside(next), Path+"/")}}.Encode())
}
