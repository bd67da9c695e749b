package console

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/console/provider"
)

const (
	// oidcPath begins a sign-in at the identity provider.
	oidcPath = Path + "/oidc"
	// CallbackPath is where the provider sends browsers back to: the path of [provider.Config.RedirectURL].
	CallbackPath = oidcPath + "/callback"

	flowCookie = "botgate_console_flow"
	// flowLife is how long somebody may take to sign in at the provider.
	flowLife = 10 * time.Minute
	// maxNext is the longest address that a sign-in comes back to: the cookie has room for it.
	maxNext = 2000
)

// Groups say which groups of the identity provider are what here. The greatest role counts.
type Groups struct {
	Viewers, Operators, Admins []string
}

// scopes are those of the greatest role that the groups have; none for strangers.
func (g Groups) scopes(of []string) []string {
	among := func(named []string) bool {
		return slices.ContainsFunc(of, func(group string) bool { return slices.Contains(named, group) })
	}
	switch {
	case among(g.Admins):
		return []string{scopeRead, scopeAct, scopeAdmin}
	case among(g.Operators):
		return []string{scopeRead, scopeAct}
	case among(g.Viewers):
		return []string{scopeRead}
	}
	return nil
}

// flow is a sign-in that was begun in this browser, whose cookie has it.
type flow struct {
	provider.Flow
	// Next is the page to come back to, and Begun is in Unix seconds.
	Next  string `json:"next"`
	Begun int64  `json:"begun"`
}

var (
	errFlow = &trouble{
		Status: http.StatusForbidden, Title: "This sign-in can't be finished",
		Detail: "It was begun in another browser or more than ten minutes ago, or it was finished before.",
		Todo:   "Begin it anew.", Again: Path + "/login",
	}
	errLookUp = &trouble{
		Status: http.StatusServiceUnavailable, Title: "Nobody can sign in right now",
		Detail: "What remembers sign-ins does not answer. The log of the backend says more, at the request id below.",
		Todo:   "Begin anew in a moment.", Again: Path + "/login",
	}
	errProviderAway = &trouble{
		Status: http.StatusServiceUnavailable, Title: "The identity provider does not answer",
		Detail: "Nobody can sign in there now. The log of the backend says more, at the request id below.",
		Todo:   "Try again in a moment. Meanwhile a link signs in: botgate console-link makes one.", Again: Path + "/login",
	}
	errProviderAnswer = &trouble{
		Status: http.StatusForbidden, Title: "What the identity provider answered is not accepted",
		Detail: "The log of the backend says why, at the request id below.",
		Todo:   "Sign in anew. If it happens again, whoever runs this gateway has to look at its settings and its clock.", Again: Path + "/login",
	}
)

// beginAtProvider sends a browser to the identity provider. It is a link: the policy lets no form go elsewhere.
func (c *Console) beginAtProvider(v *visit) error {
	if c.cfg.Provider == nil {
		return errNoPage
	}
	f := flow{Flow: provider.NewFlow(), Next: inside(v.r.URL.Query().Get("next")), Begun: c.cfg.Now().Unix()}
	if len(f.Next) > maxNext {
		f.Next = Path + "/"
	}
	address, err := c.cfg.Provider.Begin(v.r.Context(), f.Flow)
	if err != nil {
		return c.notIdentified(v.r.Context(), err)
	}
	value, err := c.seal(sealedFlow, f)
	if err != nil {
		return err
	}
	http.SetCookie(v.w, cookie(v.r, flowCookie, value, flowLife))
	v.redirect(address)
	return nil
}

// comeFromProvider begins the session of whom the provider knows.
func (c *Console) comeFromProvider(v *visit) error {
	if c.cfg.Provider == nil {
		return errNoPage
	}
	f, err := v.takeFlow()
	if err != nil {
		return err
	}
	query := v.r.URL.Query()
	if query.Has("error") {
		return refusedThere(query.Get("error"))
	}
	who, err := c.cfg.Provider.Finish(v.r.Context(), f.Flow, query.Get("code"))
	if err != nil {
		return c.notIdentified(v.r.Context(), err)
	}
	scopes := c.cfg.Groups.scopes(who.Groups)
	if scopes == nil {
		return &trouble{
			Status: http.StatusForbidden, Title: "You have no role here",
			Detail: "The identity provider knows you as " + who.User + ", in no group that may use this console.",
			Todo:   "Ask whoever runs this gateway: the settings BOTGATE_CONSOLE_OIDC_VIEWERS, _OPERATORS and _ADMINS name the groups.", Again: Path + "/login",
		}
	}
	err = v.begin(c.newSession(session{
		User: who.User, Issuer: c.cfg.Provider.Issuer(), Bot: who.Bot, Scopes: scopes, Token: who.Token, Issued: who.Issued.Unix(),
	}))
	if err == nil {
		v.redirect(f.Next)
	}
	return err
}

// takeFlow is the sign-in that this browser began, if it comes back with its state, in time and for the first time.
func (v *visit) takeFlow() (f flow, err error) {
	ours := v.c.unseal(sealedFlow, v.sent(flowCookie), &f)
	http.SetCookie(v.w, cookie(v.r, flowCookie, "", -time.Second))
	state := v.r.URL.Query()["state"]
	switch {
	case !ours || len(state) != 1 || subtle.ConstantTimeCompare([]byte(state[0]), []byte(f.State)) != 1:
		return f, errFlow
	case v.c.cfg.Now().Sub(time.Unix(f.Begun, 0)) > flowLife:
		return f, errFlow
	}
	switch first, err := v.first(f.State); {
	case err != nil:
		return f, errLookUp
	case !first:
		return f, errFlow
	}
	return f, nil
}

// notIdentified logs why a sign-in fails, and is what its page says.
func (c *Console) notIdentified(ctx context.Context, err error) *trouble {
	if errors.Is(err, provider.ErrAway) {
		c.cfg.Logger.WarnContext(ctx, "the identity provider of the console does not answer", slog.Any("error", err))
		return errProviderAway
	}
	c.cfg.Logger.WarnContext(ctx, "what the identity provider of the console answered is refused", slog.Any("error", err))
	return errProviderAnswer
}

// errorCode is what RFC 6749, section 4.1.2.1, and OpenID Connect Core 1.0, section 3.1.2.6, have as the error's name.
var errorCode = regexp.MustCompile(`^[a-z_]{1,64}$`)

// refusedThere is what the provider answered instead of a code. Its own words could be anybody's, and are left out.
func refusedThere(code string) *trouble {
	t := &trouble{
		Status: http.StatusForbidden, Title: "The identity provider did not sign you in",
		Todo: "Sign in anew, or ask whoever runs the provider.", Again: Path + "/login",
	}
	if errorCode.MatchString(code) {
		t.Detail = "Its reason: " + code + "."
	}
	return t
}
