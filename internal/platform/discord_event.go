package platform

import (
	"cmp"
	"net/http"
)

// discordWebhookEvent reads what has no token: type 0 is a ping, and type 1 an event. An
// interaction's ping without its token is answered like one.
func discordWebhookEvent(kind string, event []byte) (Delivery, error) {
	switch {
	case kind == "0":
		return handshake(emptyReply(http.StatusNoContent))
	case kind == discordPing && event == nil:
		return handshake(jsonReply(`{"type":1}`))
	}
	return single(discordEvent(event), emptyReply(http.StatusNoContent))
}

// discordEvent reads an event (https://discord.com/developers/docs/events/webhook-events). It has no
// id, but a time to the microsecond. Order is kept in a lobby, else in a channel, else for a user.
func discordEvent(event []byte) Event {
	parts := members(event, "type", "timestamp", "data")
	kind, when := cmp.Or(text(parts[0]), "unknown"), text(parts[1])
	data := members(parts[2], "user", "author", "user_id", "lobby_id", "channel_id", "channel")
	read := Event{
		Type: "discord.event." + kind, User: cmp.Or(firstID(data[0], data[1]), text(data[2])),
		OrderKey: cmp.Or(text(data[3]), text(data[4]), firstID(data[5])),
	}
	if when != "" {
		read.Key = joinedKey(discordEventKey, event, kind, when, field(parts[2], "id"))
	}
	return read
}
