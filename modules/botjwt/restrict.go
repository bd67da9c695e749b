package botjwt

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/modules/internal/placeholder"
)

// anything, as the only value, says that the operator means no restriction.
const anything = "any"

// usualParameter is the query parameter of RFC 6750, section 2.3, which filters of logs know.
const usualParameter = "access_token"

// restrict replaces the placeholders of the options that say whose tokens pass, and refuses those that come
// out as no restriction where one was asked for.
func (h *Handler) restrict(logger *slog.Logger) error {
	if err := errors.Join(
		placeholder.ExpandAll("issuer", h.Issuers),
		placeholder.ExpandAll("require_scope", h.RequireScopes),
		placeholder.Expand("user_claim", &h.UserClaim),
		placeholder.Expand("bot_claim", &h.BotClaim),
		h.restrictBot(),
		h.IssuerConfig.restrict(),
		h.restrictClaims(),
	); err != nil {
		return err
	}
	for _, c := range h.Trusts {
		if c == nil || c.Issuer == "" {
			return errors.New("option issuer: a block needs the issuer's name")
		}
		if err := errors.Join(placeholder.Expand("issuer", &c.Issuer), c.restrict()); err != nil {
			return fmt.Errorf("issuer %s: %w", c.Issuer, err)
		}
	}
	h.warn(logger)
	return h.checkIssuers()
}

// restrict is the same for the options that each issuer has.
func (c *IssuerConfig) restrict() error {
	claims, err := placeholder.ExpandMap("claim", c.Claims)
	c.Claims = claims
	errs := []error{
		err, placeholder.ExpandAll("audience", c.Audiences), placeholder.ExpandAll("jwk_file", c.JWKFiles),
		placeholder.ExpandAll("scopes", c.Scopes),
	}
	if c.UserPrefix != "" {
		errs = append(errs, placeholder.Expand("user_prefix", &c.UserPrefix))
	}
	if c.JWKS != "" {
		errs = append(errs, placeholder.Expand("jwks", &c.JWKS))
	}
	for i := range c.Keys {
		if c.Keys[i].KID != "" {
			errs = append(errs, placeholder.Expand("key, kid", &c.Keys[i].KID))
		}
	}
	switch {
	case (c.JWKS != "" || c.OIDC) && len(c.Audiences) == 0:
		errs = append(errs, errors.New("option audience: with jwks or oidc it is required, since an issuer makes tokens "+
			"for other applications too; audience any takes them all"))
	case len(c.Audiences) > 1 && slices.Contains(c.Audiences, anything):
		errs = append(errs, errors.New("option audience: any stands alone"))
	}
	return errors.Join(errs...)
}

// audiences are those that are compared.
func (c *IssuerConfig) audiences() []string { return unlessAnything(c.Audiences) }

func unlessAnything(values []string) []string {
	if slices.Equal(values, []string{anything}) {
		return nil
	}
	return values
}

// restrictBot is for an option that may take the bot from each request.
func (h *Handler) restrictBot() error {
	if h.RequireBot == "" {
		return nil
	}
	if err := placeholder.ExpandPattern("require_bot", &h.RequireBot); err != nil {
		return err
	}
	if !strings.Contains(h.RequireBot, "{") && !event.ValidBot(h.RequireBot) {
		return fmt.Errorf("option require_bot: %q is not a bot's name", h.RequireBot)
	}
	return nil
}

func (h *Handler) restrictClaims() (err error) {
	required := make(map[string][]string, len(h.RequireClaims))
	for _, name := range slices.Sorted(maps.Keys(h.RequireClaims)) {
		values := h.RequireClaims[name]
		option := "require_claim " + name
		switch claim := name; {
		case len(values) == 0:
			return fmt.Errorf("option %s: name the values that pass (is an environment variable not set?); "+
				"require_claim %s any takes them all", option, name)
		case len(values) > 1 && slices.Contains(values, anything):
			return fmt.Errorf("option %s: any stands alone", option)
		default:
			if err := errors.Join(
				placeholder.Expand("require_claim", &claim), placeholder.ExpandAll(option, values),
			); err != nil {
				return err
			}
			if _, twice := required[claim]; twice {
				return fmt.Errorf("option require_claim: %s is there twice", claim)
			}
			required[claim] = values
		}
	}
	h.RequireClaims = required
	h.ClaimHeaders, err = placeholder.ExpandMap("claim_header", h.ClaimHeaders)
	return err
}

// requiredClaims are those that the verifier compares; without values a claim has to be there.
func (h *Handler) requiredClaims() map[string][]string {
	required := make(map[string][]string, len(h.RequireClaims))
	for name, values := range h.RequireClaims {
		required[name] = unlessAnything(values)
	}
	return required
}

// checkIssuers refuses an issuer that is named twice: the second one's keys would never be used.
func (h *Handler) checkIssuers() error {
	seen := slices.Clone(h.Issuers)
	for _, c := range h.Trusts {
		if slices.Contains(seen, c.Issuer) {
			return fmt.Errorf("option issuer: %s is named twice, and has one set of keys: "+
				"put all of them into one block", c.Issuer)
		}
		seen = append(seen, c.Issuer)
	}
	return nil
}

// warn is about what somebody can mean.
func (h *Handler) warn(logger *slog.Logger) {
	if h.JWKS != "" && len(h.Issuers) == 0 {
		logger.Warn("bot_jwt: tokens of any issuer that signs with keys of jwks pass: name it with the option issuer",
			slog.String("jwks", h.JWKS))
	}
	for _, source := range h.Sources {
		if source.In == inQuery && source.Name != usualParameter {
			logger.Warn("bot_jwt: tokens in the query are in Caddy's logs: take the option from query access_token, "+
				"or give each log the format bot_log, as the shipped Caddyfile does, or the filter bot_secrets",
				slog.String("parameter", source.Name))
		}
	}
}
