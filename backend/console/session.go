package console

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	// sessionLife is how long a session lasts, and idleLife how long one that shows no page.
	sessionLife = 8 * time.Hour
	idleLife    = time.Hour
	// refreshAfter is how old a cookie gets before a page replaces it.
	refreshAfter = 5 * time.Minute

	cookieName = "botgate_console"
	// maxCookie is less than what browsers keep of a cookie.
	maxCookie = 3800
	// These are in what is signed, so that a signature made for one never fits the other.
	sealedSession = "botgate console session 1."
	sealedFlow    = "botgate console flow 1."
)

// session is who signed in. It is in the visitor's cookie, signed, and nowhere else.
type session struct {
	ID string `json:"id"`
	// User and Issuer are those of the token; Bot is what it allows, as package botclaim has it.
	User   string   `json:"user"`
	Issuer string   `json:"iss,omitempty"`
	Bot    string   `json:"bot"`
	Scopes []string `json:"scopes"`
	// Token and Issued are what a revocation of the token goes by, in Unix seconds.
	Token  string `json:"jti,omitempty"`
	Issued int64  `json:"iat,omitempty"`
	// Begun and Seen are when the session began, and when a page was shown last, in Unix seconds.
	Begun int64 `json:"begun"`
	Seen  int64 `json:"seen"`
}

func (c *Console) sign(purpose, payload string) []byte {
	mac := hmac.New(sha256.New, c.cfg.Secret)
	mac.Write([]byte(purpose + payload))
	return mac.Sum(nil)
}

// seal is the value of a cookie that has the document, signed for a purpose.
func (c *Console) seal(purpose string, content any) (string, error) {
	document, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("encoding a cookie: %w", err)
	}
	payload := base64.RawURLEncoding.EncodeToString(document)
	value := payload + "." + base64.RawURLEncoding.EncodeToString(c.sign(purpose, payload))
	if len(value) > maxCookie {
		return "", fmt.Errorf("a cookie of %d bytes is too large", len(value))
	}
	return value, nil
}

// unseal reads the value of a cookie; false where it is none of ours.
func (c *Console) unseal(purpose, value string, into any) bool {
	payload, signature, _ := strings.Cut(value, ".")
	given, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(given, c.sign(purpose, payload)) {
		return false
	}
	document, err := base64.RawURLEncoding.DecodeString(payload)
	return err == nil && json.Unmarshal(document, into) == nil
}

// open reads the value of a session's cookie; false where it is none of ours, or the session is over.
func (c *Console) open(ctx context.Context, value string) (s session, ok bool) {
	if !c.unseal(sealedSession, value, &s) {
		return s, false
	}
	now := c.cfg.Now()
	if now.Sub(time.Unix(s.Begun, 0)) > sessionLife || now.Sub(time.Unix(s.Seen, 0)) > idleLife {
		return s, false
	}
	return s, !c.cfg.Revoked(ctx, s.Token, s.User, time.Unix(s.Issued, 0))
}

// nameOf is a cookie's name: under TLS one that browsers take from encrypted connections only.
func nameOf(r *http.Request, name string) string {
	if overTLS(r) {
		return "__Secure-" + name
	}
	return name
}

// cookie is one of the console's. Lax, since a link in a chat must open.
func cookie(r *http.Request, name, value string, life time.Duration) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Over plain http, Safari does not send a cookie that is Secure.
		Name: nameOf(r, name), Value: value, Path: Path, MaxAge: int(life.Seconds()), HttpOnly: true, Secure: overTLS(r),
		SameSite: http.SameSiteLaxMode,
	}
}

// sent is the value of a cookie; empty for none, and for several of that name, one of which somebody else set.
func (v *visit) sent(name string) string {
	found := v.r.CookiesNamed(nameOf(v.r, name))
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}

// recognize finds the visitor's session, and keeps it from ending while pages are looked at.
func (v *visit) recognize(ctx context.Context) bool {
	var ok bool
	if v.session, ok = v.c.open(ctx, v.sent(cookieName)); !ok {
		return false
	}
	now := v.c.cfg.Now()
	if now.Sub(time.Unix(v.session.Seen, 0)) > refreshAfter {
		v.session.Seen = now.Unix()
		if value, err := v.c.seal(sealedSession, v.session); err == nil {
			left := time.Unix(v.session.Begun, 0).Add(sessionLife).Sub(now)
			http.SetCookie(v.w, cookie(v.r, cookieName, value, left))
		}
	}
	return true
}
