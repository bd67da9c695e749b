package botenqueue

import (
	"cmp"
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/idempotency"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/delivery"
)

const (
	placeholderAuthUser   = "http.auth.user.id"
	placeholderAuthIssuer = "http.auth.user.iss"
)

// names are what an event is known by.
type names struct {
	// identity makes the event's id; without a key where nothing names the delivery.
	identity event.Identity
	// ids are those of the same delivery under the other names of the sender, while its secret is rotated.
	ids []string
	// bytes is the event as what was signed, without the key, where the same bytes again are a repeat.
	bytes *event.Identity
}

// identify says what the event is known by: that of the number in what a platform delivered, or that
// of an API client.
func identify(e *event.Event, r *http.Request, batch *delivery.Delivery, number int) (names, *problem.Problem) {
	if batch != nil {
		return delivered(e, batch, number), nil
	}
	of, refusal := commanded(e, r)
	return names{identity: of}, refusal
}

// delivered is what an event of a platform is known by.
func delivered(e *event.Event, d *delivery.Delivery, number int) names {
	key := d.Events[number].Key
	of := event.Identity{Bot: e.Bot, Key: key.Value, Content: key.Content(e.Data)}
	accounts := d.Accounts
	if len(accounts) == 0 {
		accounts = []string{""}
	}
	var known names
	for i, account := range accounts {
		of.Sender = event.PlatformSender(d.Platform, account)
		if i == 0 {
			known.identity = of
		} else if key.Value != "" {
			known.ids = append(known.ids, of.ID(e.Subject))
		}
	}
	if d.Signed != nil && d.Signed[number] != nil {
		known.bytes = &event.Identity{
			Bot: e.Bot, Sender: "bytes of " + known.identity.Sender, Key: strconv.Itoa(number), Content: d.Signed[number],
		}
	}
	return known
}

// commanded is what makes the event of an API client the same as another one. Who vouches is the
// client that the token names; without one, whom the request names.
func commanded(e *event.Event, r *http.Request) (event.Identity, *problem.Problem) {
	key, ok := idempotency.KeyIn(r.Header)
	if !ok {
		return event.Identity{}, problem.Malformed.WithDetail(idempotency.HeaderForm)
	}
	if key == "" {
		return event.Identity{}, nil // Nothing names it: its id is a new one.
	}
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	client := cmp.Or(placeholder(repl, placeholderAuthUser), e.Subject)
	content := event.ContentOf(e.Type, e.Subject, e.Data)
	if at := r.Header.Values(headerDeliverAt); len(at) > 0 {
		content = sha256.Sum256(append(content[:], strings.Join(at, ",")...))
	}
	sender := event.ClientSender(placeholder(repl, placeholderAuthIssuer), client)
	return event.Identity{Bot: e.Bot, Sender: sender, Key: key, Content: content[:]}, nil
}
