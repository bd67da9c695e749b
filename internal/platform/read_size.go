package platform

// defaultMaxBody is the largest body in bytes of a platform that says less, or nothing: 1 MB. What people
// write, press and choose takes a few KB.
const defaultMaxBody = 1_000_000

// maxBodies has the platforms whose bodies may be larger, in bytes.
var maxBodies = map[string]int64{
	// https://docs.github.com/webhooks/webhook-events-and-payloads#payload-cap
	"github": 25_000_000,
	// Up to 3 MB: https://developers.facebook.com/docs/whatsapp/cloud-api/guides/set-up-webhooks
	"meta": 4_000_000,
	// No limit is published; orders of many items come to more than 1 MB:
	// https://community.shopify.com/c/Shopify-APIs-SDKs/Webhook-requests-exceed-max-size/m-p/144434
	"shopify": 5_000_000,
}

// MaxBody is the largest body in bytes that the platform of that name sends, as far as it says so, with
// some room.
func MaxBody(name string) int64 {
	if size, ok := maxBodies[name]; ok {
		return size
	}
	return defaultMaxBody
}
