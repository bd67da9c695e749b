package botenqueue

import (
	"cmp"
	"net/http"
	"regexp"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/delivery"
)

const (
	placeholderAuthUser   = "http.auth.user.id"
	placeholderAuthIssuer = "http.auth.user.iss"
)

// headerIdempotencyKey is the request header of draft-ietf-httpapi-idempotency-key-header.
const headerIdempotencyKey = "Idempotency-Key"

// validKey is what an Idempotency-Key may be.
var validKey = regexp.MustCompile(`^[\x21-\x7e]{1,255}$`)

// identify says what makes the event the same as that of another request. Without a key nothing does.
func identify(e *event.Event, r *http.Request, batch *delivery.Delivery, item platform.Event) (event.Identity, *problem.Problem) {
	if batch != nil {
		return delivered(e, batch, item), nil
	}
	return commanded(e, r)
}

// delivered is what makes an event of a platform the same as another one.
func delivered(e *event.Event, d *delivery.Delivery, item platform.Event) event.Identity {
	return event.Identity{
		Bot: e.Bot, Sender: event.PlatformSender(d.Platform, d.Account),
		Key: item.Key.Value, Content: item.Key.Content(e.Data),
	}
}

// commanded is what makes the event of an API client the same as another one. Who vouches is the
// client that the token names; without one, whom the request names.
func commanded(e *event.Event, r *http.Request) (event.Identity, *problem.Problem) {
	var key string
	switch values := r.Header.Values(headerIdempotencyKey); {
	case len(values) == 0:
	case len(values) > 1 || !validKey.MatchString(values[0]):
		return event.Identity{}, problem.Malformed.
			WithDetail("Idempotency-Key must be one value of 1 to 255 visible ASCII characters.")
	default:
		key = values[0]
	}
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	client := cmp.Or(placeholder(repl, placeholderAuthUser), e.Subject)
	content := event.ContentOf(e.Type, e.Subject, e.Data)
	return event.Identity{
		Bot: e.Bot, Sender: event.ClientSender(placeholder(repl, placeholderAuthIssuer), client), Key: key, Content: content[:],
	}, nil
}
