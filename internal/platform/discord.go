package platform

import (
	"cmp"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"time"
)

const (
	discordSignature = "X-Signature-Ed25519"
	discordTimestamp = "X-Signature-Timestamp"
)

// discord verifies interactions and webhook events
// (https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint).
type discord struct {
	// ephemeral makes the answer that follows a command visible to its user only.
	ephemeral bool
}

func newDiscord(o *options) Platform { return discord{ephemeral: o.flag("ephemeral")} }

// ParseSecret takes the application's public key, in hex.
func (discord) ParseSecret(raw []byte) (Secret, error) {
	key, err := hex.DecodeString(string(raw))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return Secret{}, errors.New("the public key must have 64 hexadecimal digits")
	}
	return Secret{public: key}, nil
}

// Verify checks the signature over timestamp and raw body. Discord names no tolerance for
// the timestamp; a repeat has the id of the first.
func (discord) Verify(req *Request, secrets []Secret) error {
	timestamp, digits := req.Header.Get(discordTimestamp), req.Header.Get(discordSignature)
	if timestamp == "" || digits == "" {
		return HeaderMissing
	}
	signature, err := hex.DecodeString(digits)
	if err != nil || len(signature) != ed25519.SignatureSize {
		return badEncoding
	}
	if !anyEd25519(secrets, [][]byte{signature}, []byte(timestamp), req.Body) {
		return SignatureMismatch
	}
	return nil
}

// discordWait leaves a second of the three that an interaction's token lives without an answer
// (https://discord.com/developers/docs/interactions/receiving-and-responding#responding-to-an-interaction).
const discordWait = 2 * time.Second

// The types of interactions.
const (
	discordPing         = "1"
	discordCommand      = "2"
	discordComponent    = "3"
	discordAutocomplete = "4"
	discordModal        = "5"
)

// Read defers commands, components and modals, so that the bot has 15 minutes to answer
// with the token in the event. Pings are handshakes, and autocompletion, which can't wait,
// is answered with no choices. Order is kept in a channel.
func (d discord) Read(_ *Request, document []byte) (Delivery, error) {
	parts := members(document, "type", "event", "token")
	if parts[2] == nil {
		return discordWebhookEvent(text(parts[0]), parts[1])
	}
	switch text(parts[0]) {
	case discordPing:
		return handshake(jsonReply(`{"type":1}`))
	case discordCommand:
		return d.interaction("command", document, d.deferred())
	case discordComponent:
		return d.interaction("component", document, jsonReply(`{"type":6}`).orBots(discordWait))
	case discordAutocomplete:
		return handshake(jsonReply(`{"type":8,"data":{"choices":[]}}`))
	case discordModal:
		return d.interaction("modal", document, d.deferred())
	}
	return d.interaction("interaction", document, d.deferred())
}

func (d discord) deferred() *Reply {
	if d.ephemeral {
		reply := jsonReply(`{"type":5,"data":{"flags":64}}`).orBots(discordWait)
		reply.Ephemeral = true
		return reply
	}
	return jsonReply(`{"type":5}`).orBots(discordWait)
}

func (discord) interaction(kind string, document []byte, reply *Reply) (Delivery, error) {
	parts := members(document, "id", "member", "user", "channel_id", "channel")
	return single(Event{
		Type:     "discord." + kind,
		User:     firstID(members(parts[1], "user")[0], parts[2]),
		OrderKey: cmp.Or(text(parts[3]), firstID(parts[4])),
		Key:      Key{Value: text(parts[0]), Rule: discordInteractionKey},
	}, reply)
}
