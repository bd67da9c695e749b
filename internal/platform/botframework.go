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
type botframework struct{ tokenScheme }

func newBotFramework(o *options) Platform {
	return botframework{tokenScheme{
		issuer: o.text("issuer", botframeworkIssuer), audience: o.required("app_id"),
		keys: KeySource{Metadata: o.text("metadata", botframeworkMetadata)},
	}}
}

// Verify checks the token, that it is for the service URL in the body, and that its key
// may speak for the channel in the body.
func (b botframework) Verify(req *Request, secrets []Secret) error {
	claims, key, err := b.verify(req, secrets)
	if err != nil {
		return err
	}
	parts := members(req.Body, "serviceUrl", "channelId")
	service, ok := claims["serviceurl"].(string)
	if !ok {
		service, ok = claims["serviceUrl"].(string)
	}
	if !ok || service == "" || service != text(parts[0]) {
		return badServiceURL
	}
	if channel := text(parts[1]); channel == "" || !slices.Contains(key.endorsements, channel) {
		return badEndorsement
	}
	return nil
}

// Read keeps order in a conversation. An invoke, which waits for an answer, gets an empty one.
func (botframework) Read(_ *Request, document []byte) Delivery {
	event := activity("botframework", activityKey, document)
	if event.Type == "botframework.invoke" {
		return single(event, jsonReply("{}"))
	}
	return single(event, emptyReply(http.StatusOK))
}
