package platform

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// shopify verifies Shopify's webhooks (https://shopify.dev/docs/apps/build/webhooks/subscribe/https).
type shopify struct{ macScheme }

func newShopify(o *options) Platform {
	return shopify{newMACScheme(o, macScheme{
		headers: []string{"X-Shopify-Hmac-Sha256"}, encoding: codecs["base64"], idHeader: "X-Shopify-Webhook-Id",
	}, "{body}")}
}

// shopifyTraits are members by which a body shows of what it is, and the topics of that, or the parts of
// them before the slash (https://shopify.dev/docs/api/webhooks has a payload of each topic).
var shopifyTraits = map[string][]string{
	"abandoned_checkout_url": {"checkouts"},
	"financial_status":       {"orders"},
	"inventory_item_id":      {"inventory_levels"},
	"invoice_url":            {"draft_orders"},
	"myshopify_domain":       {"shop/update", "app/uninstalled"},
	"orders_count":           {"customers"},
	"refund_line_items":      {"refunds"},
	"shop_domain":            {"customers/data_request", "customers/redact", "shop/redact"},
	"tracking_numbers":       {"fulfillments"},
	"variants":               {"products"},
}

// shopifyTopic is the topic that the header has, as long as the body is not known to be of another.
func shopifyTopic(topic string, document []byte) string {
	kind, _, _ := strings.Cut(topic, "/")
	for quoted := range entries(document) {
		if of := shopifyTraits[unquote(quoted)]; of != nil && !slices.Contains(of, kind) && !slices.Contains(of, topic) {
			return "event"
		}
	}
	return cmp.Or(topic, "event")
}

// Read takes the topic from a header, which the signature does not cover, as far as the body does not
// contradict. The user is the shop, whose events keep their order: the one in the body where that has
// one.
func (s shopify) Read(req *Request, document []byte) (Delivery, error) {
	named := members(document, "myshopify_domain", "shop_domain")
	return single(Event{
		Type: "shopify." + shopifyTopic(req.Header.Get("X-Shopify-Topic"), document),
		User: cmp.Or(text(named[0]), text(named[1]), req.Header.Get("X-Shopify-Shop-Domain")),
		Key:  Key{Value: req.Header.Get(s.idHeader), Rule: shopifyKey},
	}, emptyReply(http.StatusOK))
}
