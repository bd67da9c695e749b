package provider

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/botgate/botgate/internal/botclaim"
)

// maxUser bounds the name of a user, in bytes.
const maxUser = 255

// Identity is who a provider says signed in.
type Identity struct {
	// User is the claim that names them, and Groups are those they are in.
	User   string
	Groups []string
	// Bot is what the claim "bot" allows, as package botclaim has it.
	Bot string
	// Token is the token's id, "jti"; empty where it has none. Issued is when that was.
	Token  string
	Issued time.Time
}

// identify reads the claims of a token that was verified.
func (p *Provider) identify(token *oidc.IDToken) (Identity, error) {
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return Identity{}, fmt.Errorf("the claims of the provider's token: %w", err)
	}
	// With others in its audience, the token says for whom of them it was made (OpenID Connect Core 1.0, 3.1.3.7).
	if party, named := claims["azp"]; (named || len(token.Audience) > 1) && party != p.cfg.ClientID {
		return Identity{}, errors.New(`the token of the provider was issued to another client: its "azp" differs`)
	}
	user, _ := claims[p.cfg.UserClaim].(string)
	if user == "" || len(user) > maxUser || strings.ContainsFunc(user, unicode.IsControl) {
		return Identity{}, fmt.Errorf("the claim %q of the provider's token names no user", p.cfg.UserClaim)
	}
	// An address that nobody proved could be somebody else's.
	if p.cfg.UserClaim == "email" && claims["email_verified"] != true && claims["email_verified"] != "true" {
		return Identity{}, errors.New(`the provider did not verify the address in its token: "email_verified" is not true`)
	}
	claim, claimed := claims["bot"]
	id, _ := claims["jti"].(string)
	return Identity{
		User: user, Groups: texts(claims[p.cfg.GroupsClaim]), Bot: botclaim.Of(claim, claimed), Token: id, Issued: token.IssuedAt,
	}, nil
}

// texts are those of a list, or the one that stands for itself.
func texts(claim any) (found []string) {
	if one, ok := claim.(string); ok {
		return []string{one}
	}
	list, _ := claim.([]any)
	for _, each := range list {
		if text, ok := each.(string); ok {
			found = append(found, text)
		}
	}
	return found
}
