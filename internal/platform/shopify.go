package platform

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
)

const shopifySignature = "X-Shopify-Hmac-Sha256"

// shopify verifies Shopify's webhooks (https://shopify.dev/docs/apps/build/webhooks/subscribe/https).
type shopify struct{}

func newShopify(*options) Platform { return shopify{} }

// Name returns "shopify".
func (shopify) Name() string { return "shopify" }

// ParseSecret takes the app's client secret as it is shown.
func (shopify) ParseSecret(raw []byte) (Secret, error) { return newMACSecret(sha256.New, raw) }

// Verify checks the signature over the raw body.
func (shopify) Verify(req *Request, secrets []Secret) error {
	return verifyBase64(req.Header.Get(shopifySignature), secrets, req.Body)
}

// Read takes everything from headers, which the signature does not cover. The user is the
// shop, whose events keep their order.
func (shopify) Read(req *Request, _ []byte) Delivery {
	return single(Event{
		Type:     "shopify." + orText(req.Header.Get("X-Shopify-Topic"), "event"),
		User:     req.Header.Get("X-Shopify-Shop-Domain"),
		DedupeID: req.Header.Get("X-Shopify-Webhook-Id"),
	}, emptyReply(http.StatusOK))
}

// Sign returns the signature and the delivery id.
func (shopify) Sign(secret Secret, req *Request, id string) http.Header {
	return http.Header{
		shopifySignature:       {base64.StdEncoding.EncodeToString(secret.sum(req.Body))},
		"X-Shopify-Webhook-Id": {id},
	}
}
