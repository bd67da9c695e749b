package platform

import (
	"cmp"
	"crypto/sha1" // For senders that know nothing better; see the option algorithm.
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strings"

	"github.com/botgate/botgate/internal/restrict"
)

// generic is the platform "hmac": any sender that signs with a shared secret, described
// by options.
type generic struct {
	macScheme
	typeHeader                            string
	idPath, typePath, userPath, orderPath []string
	// challengePath leads to a text that the sender wants back, in requests that only try the address out.
	challengePath []string
	// leastSecret is how many bytes a secret must have.
	leastSecret int
}

var hashes = map[string]func() hash.Hash{"sha256": sha256.New, "sha512": sha512.New, "sha1": sha1.New}

func newGeneric(o *options) Platform {
	scheme := macScheme{
		headers: strings.Fields(o.required("header")), prefix: o.text("prefix", ""),
		field: o.text("field", ""), separators: o.free("separator", ",;"),
		timestampHeader: o.text("timestamp_header", ""), timestampField: o.text("timestamp_field", ""),
		clock:     clocks[o.oneOf("timestamp_format", "seconds", "milliseconds", "rfc3339")],
		tolerance: o.duration("tolerance", defaultTolerance), idHeader: o.text("id_header", ""),
		base: o.address("url"), newHash: hashes[o.oneOf("algorithm", "sha256", "sha512", "sha1")],
		encoding:       codecs[o.oneOf("encoding", "hex", "base64")],
		secretEncoding: codecs[o.oneOf("secret_encoding", "text", "base64", "hex")],
		secretPrefix:   o.text("secret_prefix", ""),
	}
	g := generic{
		macScheme: newMACScheme(o, scheme, o.free("signed", "{body}")), typeHeader: o.text("type_header", ""),
		idPath: o.path("id_member"), typePath: o.path("type_member"),
		userPath: o.path("user_member"), orderPath: o.path("order_member"),
		challengePath: o.path("challenge_member"),
		leastSecret:   o.size("min_secret_size", restrict.LeastSecret, leastMade, restrict.LeastSecret),
	}
	g.checkOptions(o)
	return g
}

// checkOptions refuses what would leave the body or the time unsigned, or sign it in a way that says
// nothing about it.
func (g generic) checkOptions(o *options) {
	timed := g.timestampHeader != "" || g.timestampField != ""
	addressed := g.signed.has("url") || g.signed.has("uri") || g.signed.has("path")
	switch {
	case len(g.headers) == 0:
		o.fail("option header: it is required")
	case g.signed.count("body") != 1:
		o.fail("option signed: without {body}, once, anything could be in it")
	case timed != g.signed.has("timestamp"):
		o.fail("option signed: {timestamp} and timestamp_header or timestamp_field belong together")
	case g.timestampHeader != "" && g.timestampField != "":
		o.fail("option timestamp_field: timestamp_header is set too")
	case !timed && (o.has("tolerance") || o.has("timestamp_format")):
		o.fail("option tolerance or timestamp_format: there is no timestamp_header or timestamp_field," +
			" so nothing is checked by it")
	case g.field == "" && (g.timestampField != "" || o.has("separator")):
		o.fail("option field: timestamp_field and separator need the name of the signatures")
	case g.signed.has("id") && g.idHeader == "":
		o.fail("option id_header: {id} in signed needs it")
	case g.base != nil && !addressed:
		o.fail("option url: it is not in signed")
	default:
		g.signed.checkBorders(o)
	}
}

// Read takes what the options name out of headers and body. Headers come before members.
func (g generic) Read(req *Request, document []byte) (Delivery, error) {
	from := func(header string, path []string) string {
		value := req.Header.Get(header)
		if value == "" && path != nil {
			value = field(document, path...)
		}
		return value
	}
	if challenge := from("", g.challengePath); challenge != "" {
		return handshake(textReply(challenge))
	}
	return single(Event{
		Type: "hmac." + cmp.Or(from(g.typeHeader, g.typePath), "event"), User: from("", g.userPath),
		OrderKey: from("", g.orderPath), Key: g.key(req, document),
	}, nil)
}

// key prefers what is signed: a member of the body, or a header that is a part of the template.
func (g generic) key(req *Request, document []byte) Key {
	header := hmacHeaderKey
	header.Signed = g.signed.has("id")
	if g.idPath != nil && !header.Signed {
		if value := field(document, g.idPath...); value != "" {
			return Key{Value: value, Rule: hmacMemberKey}
		}
	}
	return Key{Value: req.Header.Get(g.idHeader), Rule: header}
}
