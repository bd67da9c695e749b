package platform

import (
	"cmp"
	"net/http"
)

// shopify verifies Shopify's webhooks (https://shopify.dev/docs/apps/build/webhooks/subscribe/https).
type shopify struct{ macScheme }

func newShopify(o *options) Platform {
	return shopify{newMACScheme(o, macScheme{
		headers: []string{"X-Shopify-Hmac-Sha256"}, encoding: codecs["base64"], idHeader: "X-Shopify-Webhook-Id",
	}, "{body}")}
}

// Read takes everything from headers, which the signature does not cover. The user is the
// shop, whose events keep their order.
func (s shopify) Read(req *Request, _ []byte) Delivery {
	return single(Event{
		Type: "shopify." + cmp.Or(req.Header.Get("X-Shopify-Topic"), "event"),
		User: req.Header.Get("X-Shopify-Shop-Domain"),
		Key:  Key{Value: req.Header.Get(s.idHeader), Rule: shopifyKey},
	}, emptyReply(http.StatusOK))
}
