package platform

import (
	"net/http"
	"slices"
	"strings"
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
	return verifyWhole(b, req, secrets)
}

// VerifyHead checks the token.
func (b botframework) VerifyHead(req *Request, secrets []Secret) (func([]byte) error, error) {
	claims, key, err := b.verify(req, secrets)
	if err != nil {
		return nil, err
	}
	service, ok := claims["serviceurl"].(string)
	if !ok {
		service, ok = claims["serviceUrl"].(string)
	}
	if !ok || service == "" {
		return nil, badServiceURL
	}
	return func(body []byte) error {
		if onlyText(body, "serviceUrl") != service {
			return badServiceURL
		}
		if channel := onlyText(body, "channelId"); channel == "" || !slices.Contains(key.endorsements, channel) {
			return badEndorsement
		}
		return nil
	}, nil
}

// onlyText is the text of a member whose name no other one has, in whatever case: bots that do not look
// at the case take the last one of them.
func onlyText(object []byte, name string) string {
	var found []byte
	for quoted, value := range entries(object) {
		given := unquote(quoted)
		if !strings.EqualFold(given, name) {
			continue
		}
		if found != nil || given != name {
			return ""
		}
		found = value
	}
	return text(found)
}

// Read keeps order in a conversation. An invoke, which waits for an answer, gets an empty one.
func (botframework) Read(_ *Request, document []byte) (Delivery, error) {
	event := activity("botframework", activityKey, document)
	if event.Type == "botframework.invoke" {
		return single(event, jsonReply("{}").orBots(0))
	}
	return single(event, emptyReply(http.StatusOK))
}
