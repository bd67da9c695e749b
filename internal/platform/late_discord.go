package platform

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// discordLives is for how long the token of an interaction is good
	// (https://discord.com/developers/docs/interactions/receiving-and-responding#followup-messages).
	discordLives = 15 * time.Minute
	discordHost  = "discord.com"
	// discordAgent has the form that Discord demands (https://discord.com/developers/docs/reference#user-agent).
	discordAgent = "DiscordBot (https://github.com/botgate/botgate, 1)"
)

// The types of answers to interactions that can be given later.
const (
	discordMessage = "4"
	discordUpdate  = "7"
)

// discordEphemeral is the flag of a message that one person sees.
const discordEphemeral = 1 << 6

// discordLate puts a message in the place of the one that says that the bot thinks, or edits the one that the component
// belongs to. A message as the answer to a component is one of its own. Choices and modals are for the response alone.
func discordLate(late Late) (LateCall, error) {
	asked, answer := members(late.Request, "type", "application_id", "token"), members(late.Body, "type", "data")
	if _, ok := late.object(); !ok {
		return LateCall{}, ErrUnfit
	}
	application, token := text(asked[1]), text(asked[2])
	if _, err := strconv.ParseUint(application, 10, 64); err != nil || strings.Trim(token, ".") == "" {
		return LateCall{}, ErrNoLateChannel
	}
	kind, data := text(answer[0]), answer[1]
	isUpdate, isComponent := kind == discordUpdate, text(asked[0]) == discordComponent
	if kind != discordMessage && !isUpdate {
		return LateCall{}, ErrNoLateChannel
	}
	if !isObject(data) {
		return LateCall{}, ErrUnfit
	}
	path := "/api/v10/webhooks/" + application + "/" + url.PathEscape(token)
	if isComponent && !isUpdate {
		return post(discordHost, path, data), nil
	}
	data, isEphemeral := withoutEphemeral(data)
	if isEphemeral && !isUpdate && !late.Ephemeral {
		return LateCall{}, ErrUnfit // What was answered at once decides who sees it: everybody would.
	}
	return LateCall{Method: http.MethodPatch, Host: discordHost, Path: path + "/messages/@original", Body: data}, nil
}

// withoutEphemeral takes the flag off a message, which an edit can't have, and reports whether it was there.
func withoutEphemeral(data []byte) (edit []byte, was bool) {
	flags, err := strconv.ParseUint(text(members(data, "flags")[0]), 10, 32)
	if err != nil || flags&discordEphemeral == 0 {
		return data, false
	}
	return withMember(data, "flags", strconv.AppendUint(nil, flags&^discordEphemeral, 10)), true
}
