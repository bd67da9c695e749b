package platform

import (
	"cmp"
	"net/http"
	"slices"
)

// slackEvent reads an event of the Events API (https://docs.slack.dev/reference/events). Some name
// user and place themselves; an edit, a deletion, a thread with an assistant, a reaction and a pin
// do so in the message, thread or item that they are about.
func slackEvent(document []byte) (Delivery, error) {
	outer := members(document, "event", "event_id", "team_id", "context_team_id", "enterprise_id")
	event := outer[0]
	// A message with replies that is deleted becomes one of Slack's own: who wrote it is in the previous one.
	about := members(event, "previous_message", "message", "assistant_thread", "item")
	place := slackPlace{}.find(append([][]byte{event}, about...)...)
	place.thread = cmp.Or(place.thread, field(about[3], "message", "thread_ts"))
	return single(Event{
		Type:     "slack." + cmp.Or(field(event, "type"), "event"),
		User:     cmp.Or(place.user, slackActor(event)),
		OrderKey: slackOrder(cmp.Or(text(outer[2]), text(outer[3]), text(outer[4])), place.channel, place.thread),
		Key:      Key{Value: text(outer[1]), Rule: slackEventKey},
	}, emptyReply(http.StatusOK))
}

// slackActor is who caused an event that has no user of that name.
func slackActor(event []byte) string {
	parts := members(event, "actor_id", "actor", "accepting_user", "approving_user", "declining_user",
		"channel", "invite", "app_request", "subteam")
	subteam := members(parts[8], "updated_by", "created_by")
	return cmp.Or(text(parts[0]), firstID(parts[1:5]...), field(parts[5], "creator"),
		field(parts[6], "inviting_user", "id"), field(parts[7], "user", "id"), text(subteam[0]), text(subteam[1]))
}

// slackAnswered are the interactions whose answer may have a body.
var slackAnswered = []string{
	"block_actions", "dialog_submission", "interactive_message", "message_action", "shortcut", "view_submission",
}

// slackInteraction reads what a person did with a message, a shortcut, a dialog or a view
// (https://docs.slack.dev/reference/interaction-payloads). An app that is installed in an
// organization gets no team; the user's stands for it. A message that only its reader sees
// is described by its container.
func slackInteraction(kind string, document []byte) (Delivery, error) {
	parts := members(document, "team", "user", "enterprise", "team_id",
		"message", "container", "original_message", "interactivity")
	user := members(parts[1], "id", "team_id")
	message, original := field(parts[4], "thread_ts"), field(parts[6], "thread_ts")
	place := slackPlace{thread: cmp.Or(message, original)}.find(document, parts[5])
	reply := emptyReply(http.StatusOK)
	if slices.Contains(slackAnswered, kind) {
		reply = reply.orBots(slackWait)
	}
	team := cmp.Or(textOrID(parts[0]), text(user[1]), text(parts[3]), textOrID(parts[2]))
	return single(Event{
		Type:     "slack." + cmp.Or(kind, "interaction"),
		User:     cmp.Or(place.user, field(parts[7], "interactor", "id")),
		OrderKey: slackOrder(team, place.channel, place.thread),
		Key:      slackInteractionKey(kind, document),
	}, reply)
}

// slackInteractionKey is the trigger, which each act of a person has but those that end a dialog or a view:
// these have a time of their own, or a view that is closed once. A notice of limited events has its minute.
func slackInteractionKey(kind string, document []byte) Key {
	parts := texts(document, "trigger_id", "action_ts", "minute_rate_limited")
	if parts[0] != "" {
		return Key{Value: parts[0], Rule: slackTriggerKey}
	}
	if name := cmp.Or(parts[1], field(document, "view", "id"), parts[2]); name != "" {
		return joinedKey(slackOtherKey, nil, kind, name)
	}
	return Key{}
}
