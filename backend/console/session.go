package console

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
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
	// sealed is in what is signed, so that a signature made for something else never fits.
	sealed = "botgate console session 1."
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

func (c *Console) sign(payload string) []byte {
	mac := hmac.New(sha256.New, c.cfg.Secret)
	mac.Write([]byte(sealed + payload))
	return mac.Sum(nil)
}

// seal is the value of the session's cookie.
func (c *Console) seal(s session) (string, error) {
	document, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("encoding a session: %w", err)
	}
	payload := base64.RawURLEncoding.EncodeToString(document)
	value := payload + "." + base64.RawURLEncoding.EncodeToString(c.sign(payload))
	if len(value) > maxCookie {
		return "", fmt.Errorf("the session of a cookie of %d bytes is too large", len(value))
	}
	return value, nil
}

// open reads the value of a cookie; false where it is none of ours, or the session is over.
func (c *Console) open(ctx context.Context, value string) (s session, ok bool) {
	payload, signature, _ := strings.Cut(value, ".")
	given, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(given, c.sign(payload)) {
		return s, false
	}
	document, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || json.Unmarshal(document, &s) != nil {
		return s, false
	}
	now := c.cfg.Now()
	if now.Sub(time.Unix(s.Begun, 0)) > sessionLife || now.Sub(time.Unix(s.Seen, 0)) > idleLife {
		return s, false
	}
	return s, !c.cfg.Revoked(ctx, s.Token, s.User, time.Unix(s.Issued, 0))
}

// nameOf is the cookie's name: under TLS one that browsers take from encrypted connections only.
func nameOf(r *http.Request) string {
	if overTLS(r) {
		return "__Secure-" + cookieName
	}
	return cookieName
}

// cookie is one of the console's. Lax, since a link in a chat must open.
func cookie(r *http.Request, name, value string, life time.Duration) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Over plain http, Safari does not send a cookie that is Secure.
		Name: name, Value: value, Path: Path, MaxAge: int(life.Seconds()), HttpOnly: true, Secure: overTLS(r),
		SameSite: http.SameSiteLaxMode,
	}
}

// recognize finds the visitor's session, and keeps it from ending while pages are looked at.
func (v *visit) recognize(ctx context.Context) bool {
	sent := slices.DeleteFunc(v.r.Cookies(), func(c *http.Cookie) bool { return c.Name != nameOf(v.r) })
	if len(sent) != 1 {
		return false
	}
	var ok bool
	if v.session, ok = v.c.open(ctx, sent[0].Value); !ok {
		return false
	}
	now := v.c.cfg.Now()
	if now.Sub(time.Unix(v.session.Seen, 0)) > refreshAfter {
		v.session.Seen = now.Unix()
		if value, err := v.c.seal(v.session); err == nil {
			left := time.Unix(v.session.Begun, 0).Add(sessionLife).Sub(now)
			http.SetCookie(v.w, cookie(v.r, nameOf(v.r), value, left))
		}
	}
	return true
}
