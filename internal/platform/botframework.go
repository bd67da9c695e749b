package platform

import (
	"net/http"
	"slices"
)

const (
	botframeworkIssuer   = "https://api.botframework.com"
	botframeworkMetadata = "https://login.botframework.com/v1/.well-known/openidconfiguration"
)

// botframework verifies requests of the Bot Framework's connector
// (https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication).
// Its token does not cover the body, apart from the service URL and the channel.
type botframework struct {
	policy   tokenPolicy
	metadata string
}

func newBotFramework(o *options) Platform {
	return botframework{
		policy:   tokenPolicy{issuer: o.text("issuer", botframeworkIssuer), audience: o.required("app_id")},
		metadata: o.text("metadata", botframeworkMetadata),
	}
}

// Name returns "botframework".
func (botframework) Name() string { return "botframework" }

// ParseSecret takes the connector's key set.
func (botframework) ParseSecret(raw []byte) (Secret, error) { return parseTokenKeys(raw) }

// Keys is the connector's metadata.
func (b botframework) Keys() KeySource { return KeySource{Metadata: b.metadata} }

// Verify checks the token, that it is for the service URL in the body, and that its key
// may speak for the channel in the body.
func (b botframework) Verify(req *Request, secrets []Secret) error {
	claims, key, err := verifyToken(req, secrets, b.policy)
	if err != nil {
		return err
	}
	parts := members(req.Body, "serviceUrl", "channelId")
	service, ok := claims["serviceurl"].(string)
	if !ok {
		service, ok = claims["serviceUrl"].(string)
	}
	if !ok || service == "" || service != text(parts[0]) {
		return ServiceURL
	}
	if channel := text(parts[1]); channel == "" || !slices.Contains(key.endorsements, channel) {
		return Endorsement
	}
	return nil
}

// Read keeps order in a conversation. An invoke, which waits for an answer, gets an empty one.
func (botframework) Read(_ *Request, document []byte) Delivery {
	event := activity("botframework", document)
	if event.Type == "botframework.invoke" {
		return single(event, jsonReply("{}"))
	}
	return single(event, emptyReply(http.StatusOK))
}
