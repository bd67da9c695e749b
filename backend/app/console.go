package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/console"
	"github.com/botgate/botgate/backend/console/provider"
	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/internal/revocation"
	"github.com/botgate/botgate/internal/secret"
)

// revocationWait bounds the wait for the first copy of the revocations; without one, nobody is let in.
const revocationWait = 2 * time.Second

// linkBot is the bot in whose name used links are remembered among the sessions; no bot has it as its name.
const linkBot = "console links"

// openConsole ties the console to the API.
func (a *App) openConsole(context.Context) error {
	if !a.settings.HasConsole() {
		return nil
	}
	revoked := a.followRevocations()
	signsIn, err := a.newProvider()
	if err != nil {
		return fmt.Errorf("the identity provider of the console: %w", err)
	}
	o := a.settings.OIDC
	opened, err := console.New(console.Config{
		API: http.HandlerFunc(a.serveAPI), Secret: a.consoleSecret, First: a.firstUse, Revoked: revoked,
		Provider: signsIn,
		Groups:   console.Groups{Viewers: config.Groups(o.Viewers), Operators: config.Groups(o.Operators), Admins: config.Groups(o.Admins)},
		ReadOnly: a.settings.Console == config.ConsoleReadOnly, Logger: a.log.With("role", string(config.API)),
	})
	if err != nil {
		return fmt.Errorf("%s: %w", config.EnvConsoleSecret, err)
	}
	a.console.Store(opened)
	return nil
}

// newProvider is the identity provider of the settings; nil for none. It is not asked for anything before somebody signs
// in, so that nothing but that fails while it is away.
func (a *App) newProvider() (*provider.Provider, error) {
	o := a.settings.OIDC
	if o.Issuer == "" {
		return nil, nil
	}
	return provider.New(provider.Config{
		Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: string(a.oidcSecret), RedirectURL: o.RedirectURL,
		Scopes: strings.FieldsFunc(o.Scopes, func(r rune) bool { return r == ',' || r == ' ' }), UserClaim: o.UserClaim, GroupsClaim: o.GroupsClaim,
	})
}

// followRevocations follows those of tokens, where the gateways have them: in Redis, or beside the console's secret in
// the data folder.
func (a *App) followRevocations() func(ctx context.Context, token, user string, issued time.Time) bool {
	var store revocation.Store = revocation.NewFile(filepath.Join(filepath.Dir(a.settings.ConsoleSecretFile), revocation.FileName))
	if a.redis != nil {
		store = revocation.NewRedis(a.redis)
	}
	followed := revocation.Follow(store, 0, a.log)
	a.onStop("revocations", closeShared, func(context.Context) error { return followed.Close() })
	return func(ctx context.Context, token, user string, issued time.Time) bool {
		list := followed.Current(ctx, revocationWait)
		return list == nil || list.Revoked(token, user, issued)
	}
}

// readConsoleSecrets is early, so that a file that is missing is an error of the configuration.
func (a *App) readConsoleSecrets() (err error) {
	if !a.settings.HasConsole() {
		return nil
	}
	if a.consoleSecret, err = secret.FromFile(a.settings.ConsoleSecretFile); err != nil {
		return fmt.Errorf("%s: %w; %s=off does without the console", config.EnvConsoleSecret, err, config.EnvConsole)
	}
	if a.settings.OIDC.SecretFile == "" {
		return nil
	}
	if a.oidcSecret, err = secret.FromFile(a.settings.OIDC.SecretFile); err != nil {
		return fmt.Errorf("%s: %w", config.EnvOIDCSecret, err)
	}
	return nil
}

func (a *App) serveConsole(w http.ResponseWriter, r *http.Request) {
	if opened := a.console.Load(); opened != nil {
		opened.ServeHTTP(w, r)
		return
	}
	api.Unavailable(w)
}

// firstUse remembers a link where the sessions of bots are: all processes know of it there.
func (a *App) firstUse(ctx context.Context, id string, keep time.Duration) (bool, error) {
	key := session.Key{Bot: linkBot, User: id}
	_, _, err := a.sessions.Put(ctx, key, []byte("{}"), keep, session.Condition{Missing: true})
	if errors.Is(err, session.ErrCondition) {
		return false, nil
	}
	return err == nil, err
}
