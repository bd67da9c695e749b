package platform

// metaPage says that a webhook may come again for 36 hours, and of no id that it is unique.
const metaPage = "https://developers.facebook.com/docs/graph-api/webhooks/getting-started"

// The keys of each platform, with the page that promises what it says here. The table in
// docs/explanation/identity.md is made of them.
var (
	activityKey = Rule{
		Member: "conversation.id + type + id + timestamp + channelData.eventType",
		Page:   "https://github.com/microsoft/botframework-sdk/blob/main/specs/botframework-activity/botframework-activity.md",
	}
	// teamsKey is that of an activity, too, and the body is signed.
	teamsKey              = Rule{Member: activityKey.Member, Signed: true, Page: activityKey.Page}
	discordInteractionKey = Rule{
		Member: "id", Signed: true, Unique: true, Retried: true,
		Page: "https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object",
	}
	discordEventKey = Rule{
		Member: "event.type + event.timestamp + event.data.id", Signed: true, Retried: true,
		Page: "https://discord.com/developers/docs/events/webhook-events#event-body-object",
	}
	githubKey = Rule{
		Member: "header X-GitHub-Delivery", Unique: true, Retried: true,
		Page: "https://docs.github.com/webhooks/webhook-events-and-payloads#delivery-headers",
	}
	googleChatKey = Rule{
		Member: "eventTime + type + space.name + user.name + message.name",
		Page:   "https://developers.google.com/workspace/chat/api/reference/rest/v1/Event",
	}
	hmacHeaderKey = Rule{Member: "header (id_header)", Equal: true}
	hmacMemberKey = Rule{Member: "the member of id_member", Signed: true, Equal: true}
	hook0Key      = Rule{
		Member: "header X-Event-Id", Unique: true, Retried: true,
		Page: "https://documentation.hook0.com/",
	}
	lineKey = Rule{
		// LINE calls it unique; the examples of its own SDKs share one, and what differs is another event.
		Member: "events[].webhookEventId", Signed: true, Retried: true,
		Page: "https://developers.line.biz/en/reference/messaging-api/#common-properties",
	}
	metaMessageKey = Rule{Member: "messages[].id, message_echoes[].id", Signed: true, Retried: true, Page: metaPage}
	metaStatusKey  = Rule{Member: "statuses[].id + status + recipient", Signed: true, Retried: true, Page: metaPage}
	metaCallKey    = Rule{Member: "calls[].id + event", Signed: true, Retried: true, Page: metaPage}
	metaNoticeKey  = Rule{Member: "user or group + timestamp", Signed: true, Retried: true, Page: metaPage}
	metaItemKey    = Rule{Member: "kind + user + mid + timestamp", Signed: true, Retried: true, Page: metaPage}
	metaChangeKey  = Rule{Member: "entry[].id + entry[].time + field", Signed: true, Retried: true, Page: metaPage}
	shopifyKey     = Rule{
		Member: "header X-Shopify-Webhook-Id", Unique: true, Retried: true,
		Page: "https://shopify.dev/docs/apps/build/webhooks/ignore-duplicates",
	}
	slackEventKey = Rule{
		Member: "event_id", Signed: true, Unique: true, Retried: true,
		Page: "https://docs.slack.dev/apis/events-api/#callback-field",
	}
	slackTriggerKey = Rule{
		Member: "trigger_id", Signed: true,
		Page: "https://docs.slack.dev/reference/interaction-payloads",
	}
	slackOtherKey = Rule{
		Member: "type + action_ts, view.id or minute_rate_limited", Signed: true,
		Page: slackTriggerKey.Page,
	}
	standardKey = Rule{
		Member: "header webhook-id", Signed: true, Unique: true, Retried: true,
		Page: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
	}
	stripeKey = Rule{
		Member: "id", Signed: true, Unique: true, Retried: true,
		Page: "https://docs.stripe.com/webhooks#handle-duplicate-events",
	}
	telegramKey = Rule{
		Member: "update_id", Unique: true, Retried: true,
		Page: "https://core.telegram.org/bots/api#update",
	}
	// The signature joins names and values, so it does not say where one ends: who has caught a request
	// can cut it elsewhere, and call a member by another name.
	twilioStatusKey = Rule{
		Member:  "form MessageSid + MessageStatus, form CallSid + CallStatus + SequenceNumber, …",
		Retried: true,
		Page:    "https://www.twilio.com/docs/usage/webhooks",
	}
	twilioStreamKey = Rule{
		Member: "[].source + id", Signed: true, Unique: true, Retried: true,
		Page: "https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#id",
	}
	twilioTokenKey = Rule{
		Member: "header I-Twilio-Idempotency-Token", Unique: true, Retried: true,
		Page: "https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides",
	}
)

// rules has each platform of the registry.
var rules = map[string][]Rule{
	"botframework": {activityKey},
	"discord":      {discordInteractionKey, discordEventKey},
	"github":       {githubKey},
	"google-chat":  {googleChatKey},
	"hmac":         {hmacMemberKey, hmacHeaderKey},
	"hook0":        {hook0Key},
	"line":         {lineKey},
	"meta": {
		metaMessageKey, metaStatusKey, metaCallKey, metaNoticeKey, metaItemKey, metaChangeKey,
	},
	"shopify":           {shopifyKey},
	"slack":             {slackEventKey, slackTriggerKey, slackOtherKey},
	"standard-webhooks": {standardKey},
	"stripe":            {stripeKey},
	"teams-outgoing":    {teamsKey},
	"telegram":          {telegramKey},
	"twilio":            {twilioStatusKey, twilioStreamKey, twilioTokenKey},
}
