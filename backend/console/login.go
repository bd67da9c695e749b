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

// linkMemory is how long the id of a sign-in is remembered: longer than a link or a flow is good for.
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
	next := inside(v.r.URL.Query().Get("next"))
	page := loginPage{Next: next}
	if v.c.cfg.Provider != nil {
		page.Provider, page.Begin = v.c.cfg.Provider.Name(), oidcPath+"?"+url.Values{"next": {next}}.Encode()
	}
	return v.render("login", "Sign in", page)
}

// loginPage is the page that signs in.
type loginPage struct {
	Next string
	// Provider names the identity provider, and Begin where signing in there begins; empty for none.
	Provider, Begin string
}

// inside keeps an address that a page may send its visitor to: one of the console's own.
func inside(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || strings.ContainsAny(next, "\\\r\n\t") ||
		!strings.HasPrefix(u.Path, Path+"/") || u.Path == Path+"/login" || u.Path == oidcPath || u.Path == CallbackPath {
		return Path + "/"
	}
	return next
}

// signIn begins the session of whom the gateway verified.
func (c *Console) signIn(v *visit) error {
	s, refused := c.sessionOf(v.r.Header)
	if refused == nil && slices.Contains(s.Scopes, scopeLink) {
		refused = v.useLink(s.Token)
	}
	if refused != nil {
		return refused.Write(v.w)
	}
	s.Scopes = slices.DeleteFunc(s.Scopes, func(scope string) bool { return scope == scopeLink })
	if err := v.begin(s); err != nil {
		return err
	}
	v.w.WriteHeader(http.StatusNoContent)
	return nil
}

// begin gives the session to the browser.
func (v *visit) begin(s session) error {
	value, err := v.c.seal(sealedSession, s)
	if err != nil {
		return err
	}
	http.SetCookie(v.w, cookie(v.r, cookieName, value, sessionLife))
	v.c.cfg.Logger.InfoContext(v.r.Context(), "signed in to the console", slog.String("user", s.User),
		slog.String("issuer", s.Issuer), slog.String("role", roleOf(s.Scopes)), slog.String("session", s.ID))
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
	s = c.newSession(session{
		User: h.Get(userHeader), Issuer: h.Get(issuerHeader), Bot: h.Get(botclaim.Header), Token: h.Get(tokenHeader), Issued: issued,
	})
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

// newSession is one of that user that begins now.
func (c *Console) newSession(of session) session {
	now := c.cfg.Now().Unix()
	of.ID, of.Begun, of.Seen = requestid.New(), now, now
	return of
}

// useLink refuses a link that was used before, or that can't be told from others.
func (v *visit) useLink(id string) *problem.Problem {
	if id == "" {
		return linkUsed
	}
	switch first, err := v.first(id); {
	case err != nil:
		return unavailable
	case !first:
		return linkUsed
	}
	return nil
}

// first reports whether the id of a sign-in is new. Its error is in the log.
func (v *visit) first(id string) (bool, error) {
	first, err := v.c.cfg.First(v.r.Context(), id, linkMemory)
	if err != nil {
		v.c.cfg.Logger.WarnContext(v.r.Context(), "a sign-in to the console can't be looked up", slog.Any("error", err))
	}
	return first, err
}

// signOut ends the session in this browser.
func (c *Console) signOut(v *visit) error {
	http.SetCookie(v.w, cookie(v.r, cookieName, "", -time.Second))
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
