package platform

// Bodies are the kinds of bodies that a platform sends. The content tells them apart: Content-Type is
// not signed.
type Bodies struct {
	// JSON is an object or an array.
	JSON bool
	// Payload is a form whose field "payload" is JSON.
	Payload bool
	// Form is a form without such a field.
	Form bool
	// Other is anything else.
	Other bool
}

// bodies has the platforms that do not send JSON only.
var bodies = map[string]Bodies{
	"github":            {JSON: true, Payload: true},
	"hmac":              {JSON: true, Payload: true, Other: true},
	"hook0":             {JSON: true, Other: true},
	"slack":             {JSON: true, Payload: true, Form: true},
	"standard-webhooks": {JSON: true, Other: true},
	"twilio":            {JSON: true, Form: true},
}

// BodiesOf returns the kinds of bodies of the platform of that name.
func BodiesOf(name string) Bodies {
	if known, ok := bodies[name]; ok {
		return known
	}
	return Bodies{JSON: true}
}
