package platform

import (
	"cmp"
	"net/http"
)

// stripe verifies Stripe's webhooks (https://docs.stripe.com/webhooks/signature). Signatures of
// other versions than v1, such as the test mode's v0, are not looked at. The secret's prefix
// "whsec_" is a part of the key.
type stripe struct{ macScheme }

func newStripe(o *options) Platform {
	scheme := macScheme{headers: []string{"Stripe-Signature"}, field: "v1", timestampField: "t"}
	return stripe{newMACScheme(o, scheme, "{timestamp}.{body}")}
}

// Read keeps no order, as Stripe gives none, beyond that of a customer's events.
func (stripe) Read(_ *Request, document []byte) (Delivery, error) {
	parts := members(document, "type", "id", "data")
	object := members(members(parts[2], "object")[0], "customer", "id", "object")
	customer := textOrID(object[0])
	if customer == "" && text(object[2]) == "customer" {
		customer = text(object[1])
	}
	return single(Event{
		Type: "stripe." + cmp.Or(text(parts[0]), "event"), User: customer, Key: Key{Value: text(parts[1]), Rule: stripeKey},
	}, emptyReply(http.StatusOK))
}
