package platform

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"net/http"
	"regexp"
)

const telegramSecret = "X-Telegram-Bot-Api-Secret-Token"

// validTelegramSecret is what setWebhook takes as secret_token.
var validTelegramSecret = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// telegram compares the secret token of a webhook (https://core.telegram.org/bots/api#setwebhook).
// The token says who sent the update and does not cover what is in it.
type telegram struct{}

func newTelegram(*options) Platform { return telegram{} }

// ParseSecret takes the secret_token that was given to setWebhook.
func (telegram) ParseSecret(raw []byte) (Secret, error) {
	if !validTelegramSecret.Match(raw) {
		return Secret{}, errors.New("the secret must have 1 to 256 characters of A-Z, a-z, 0-9, _ and -")
	}
	return Secret{token: raw, size: len(raw)}, nil
}

// Verify compares the header with each secret.
func (t telegram) Verify(req *Request, secrets []Secret) error { return verifyWhole(t, req, secrets) }

// VerifyHead is all of Verify.
func (telegram) VerifyHead(req *Request, secrets []Secret) (func([]byte) error, error) {
	given := req.Header.Get(telegramSecret)
	if given == "" {
		return nil, HeaderMissing
	}
	for _, secret := range secrets {
		if secret.token != nil && subtle.ConstantTimeCompare([]byte(given), secret.token) == 1 {
			return anyBody, nil
		}
	}
	return nil, SignatureMismatch
}

// Read takes the kind of update from the one member beside update_id
// (https://core.telegram.org/bots/api#update). Order is kept in a chat, as Telegram itself keeps it,
// and among the votes of a poll; other updates of no chat are ordered by their user.
func (telegram) Read(_ *Request, document []byte) (Delivery, error) {
	kind, update := otherMember(document, "update_id")
	parts := members(update, "chat", "message", "id")
	order := firstID(parts[0], members(parts[1], "chat")[0])
	if order == "" && kind == "poll" {
		order = text(parts[2])
	}
	return single(Event{
		Type: "telegram." + cmp.Or(kind, "update"), User: telegramUser(update), OrderKey: order,
		Key: Key{Value: field(document, "update_id"), Rule: telegramKey},
	}, emptyReply(http.StatusOK).orBots(0))
}

// telegramUser is who caused an update: a user or, where that is not to be seen, the chat in whose
// name it was done. A boost has its user in its source.
func telegramUser(update []byte) string {
	// A vote of a chat may have Telegram's own user beside it, for bots that know no such chats.
	parts := members(update, "from", "voter_chat", "user", "sender_chat", "actor_chat", "boost", "source")
	boost := members(members(parts[5], "source")[0], "user")[0]
	return cmp.Or(firstID(parts[:5]...), firstID(boost, members(parts[6], "user")[0]))
}

// Sign sets the secret token. The delivery id is in the body, as update_id.
func (telegram) Sign(secret Secret, _ *Request, _ string) http.Header {
	return http.Header{telegramSecret: {string(secret.token)}}
}
