// Package console is the pages for people: what happened to an event, what is a dead letter and why, and how to act on
// it. Each page is a call of the API that a user can repeat with curl. It asks the API's handler in the same process, as the
// gateway does, and looks by itself at nothing else.
package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/console/provider"
)

// Path is what the paths of all pages begin with.
const Path = "/console"

// minSecret is the least length of the secret, in bytes.
const minSecret = 32

// Config is what a console is made of.
type Config struct {
	// API answers what pages ask for: the handler of package api, as it is behind the gateway. Required.
	API http.Handler
	// Secret signs the cookies of sessions; all processes behind one gateway have the same. At least 32 bytes. Required.
	Secret []byte
	// First remembers the id of a one-time link for that long, and reports whether it is the first time that it is
	// seen. Required.
	First func(ctx context.Context, id string, keep time.Duration) (bool, error)
	// Revoked reports whether the token of a session was revoked, by its id or with all those of its user that were
	// issued then. Default: none is.
	Revoked func(ctx context.Context, token, user string, issued time.Time) bool
	// Provider signs people in at an identity provider, and Groups say who they are here. Default: none does.
	Provider *provider.Provider
	Groups   Groups
	// ReadOnly refuses everything that would change something, whoever asks.
	ReadOnly bool
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Logger gets who signed in, and what pages could not show. Default: discard.
	Logger *slog.Logger
}

func (c *Config) check() error {
	switch {
	case c.API == nil, c.First == nil:
		return errors.New("the console needs the API, and what remembers links")
	case len(c.Secret) < minSecret:
		return fmt.Errorf("the secret of the console must be at least %d bytes; \"botgate init\" makes one", minSecret)
	}
	if c.Revoked == nil {
		c.Revoked = func(context.Context, string, string, time.Time) bool { return false }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return nil
}

// Console answers everything below [Path].
type Console struct {
	cfg    Config
	mux    *http.ServeMux
	calls  *http.ServeMux
	pages  map[string]*template.Template
	assets *assets
	recent recent
	// origins keeps pages of other origins from changing anything with the cookie of a visitor.
	origins *http.CrossOriginProtection
}

// New returns the handler of the pages.
func New(cfg Config) (*Console, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	files, err := newAssets()
	if err != nil {
		return nil, err
	}
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	c := &Console{
		cfg: cfg, mux: http.NewServeMux(), calls: newCalls(), pages: pages, assets: files,
		origins: http.NewCrossOriginProtection(),
	}
	c.mux.Handle("GET "+files.pattern(), files)
	for _, p := range c.routes() {
		c.mux.Handle(p.pattern, c.page(p))
	}
	return c, nil
}

// route is a page, or what a form of a page sends.
type route struct {
	pattern string
	// open is for those who have not signed in, too.
	open   bool
	answer func(*visit) error
}

func (c *Console) routes() []route {
	return []route{
		{"GET " + Path + "/login", true, c.showLogin},
		{"POST " + Path + "/session", true, c.signIn},
		{"POST " + Path + "/sign-out", true, c.signOut},
		{"GET " + oidcPath, true, c.beginAtProvider},
		{"GET " + CallbackPath, true, c.comeFromProvider},
		{"GET " + Path + "/{$}", false, c.showHome},
		{"POST " + Path + "/look", false, c.setLook},
		{"GET " + Path + "/find", false, c.find},
		{"GET " + Path + "/events", false, c.listEvents},
		{"GET " + Path + "/events/export", false, c.confirmExport},
		{"POST " + Path + "/events/export", false, c.export},
		{"GET " + Path + "/events/{id}", false, c.showEvent},
		{"GET " + Path + "/events/{id}/body", false, c.downloadBody},
		{"POST " + Path + "/events/{id}/cancel", false, c.cancelEvent},
		{"GET " + Path + "/dead", false, c.listDead},
		{"GET " + Path + "/dead/{verb}", false, c.confirmMove},
		{"POST " + Path + "/dead/{verb}", false, c.move},
		{"GET " + Path + "/jobs", false, c.listJobs},
		{"GET " + Path + "/jobs/{id}", false, c.showJob},
		{"POST " + Path + "/jobs/{id}/stop", false, c.stopJob},
		{"GET " + Path + "/jobs/{id}/result", false, c.downloadResult},
		{"GET " + Path + "/bots", false, c.listBots},
		{"GET " + Path + "/bots/{bot}", false, c.showBot},
		{"POST " + Path + "/bots/{bot}/{act}", false, c.actOnBot},
		{"GET " + Path + "/refused", false, c.listRefused},
		{"GET " + Path + "/users", false, c.listUsers},
		{"GET " + Path + "/users/{user}", false, c.showUser},
		{"GET " + Path + "/users/{user}/data", false, c.exportUser},
		{"GET " + Path + "/users/{user}/reset", false, c.confirmReset},
		{"POST " + Path + "/users/{user}/reset", false, c.resetLimit},
		{"GET " + Path + "/users/{user}/erase", false, c.confirmErase},
		{"POST " + Path + "/users/{user}/erase", false, c.eraseUser},
		{"GET " + Path + "/audit", false, c.listAudit},
		{"GET " + Path + "/system", false, c.showSystem},
		{"GET " + Path + "/live", false, c.showLive},
		{"GET " + Path + "/stream", false, c.stream},
		{"GET " + Path + "/help", false, c.showHelp},
		{"GET " + Path + "/{rest...}", true, func(*visit) error { return errNoPage }},
	}
}

// ServeHTTP implements [http.Handler].
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setPolicy(w.Header())
	r = atGateway(r)
	if r.URL.Path == Path {
		http.Redirect(w, r, Path+"/", http.StatusPermanentRedirect)
		return
	}
	c.mux.ServeHTTP(w, r)
}

// showHelp shows the keys, and what the pages are for.
func (c *Console) showHelp(v *visit) error {
	return v.render("help", "Help", nil)
}
