package platform

import (
	"crypto/sha1" // For senders that know nothing better; see the option algorithm.
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// generic is the platform "hmac": any sender that signs with a shared secret, described
// by options.
type generic struct {
	header, prefix, field string
	newHash               func() hash.Hash
	size                  int
	encoding              codec
	decodeSecret          func(string) ([]byte, error)
	signed                template

	timestampHeader, timestampField string
	tolerance                       time.Duration

	idHeader, typeHeader          string
	typePath, userPath, orderPath []string
	idPath                        []string
}

func newGeneric(o *options) Platform {
	g := generic{
		header: o.required("header"), prefix: o.text("prefix", ""), field: o.text("field", ""),
		timestampHeader: o.text("timestamp_header", ""), timestampField: o.text("timestamp_field", ""),
		tolerance: o.duration("tolerance", DefaultTolerance),
		idHeader:  o.text("id_header", ""), typeHeader: o.text("type_header", ""),
		idPath: o.path("id_member"), typePath: o.path("type_member"), userPath: o.path("user_member"), orderPath: o.path("order_member"),
	}
	switch o.oneOf("algorithm", "sha256", "sha512", "sha1") {
	case "sha256":
		g.newHash, g.size = sha256.New, sha256.Size
	case "sha512":
		g.newHash, g.size = sha512.New, sha512.Size
	case "sha1":
		g.newHash, g.size = sha1.New, sha1.Size
	}
	g.encoding = codecs[o.oneOf("encoding", "hex", "base64")]
	g.decodeSecret = codecs[o.oneOf("secret_encoding", "text", "base64", "hex")].decode
	g.signed = parseTemplate(o, o.text("signed", "{body}"))
	g.checkOptions(o)
	return g
}

// checkOptions refuses what would leave the body or the time unsigned.
func (g generic) checkOptions(o *options) {
	timed := g.timestampHeader != "" || g.timestampField != ""
	switch {
	case !g.signed.has("body"):
		o.fail("option signed: without {body} anything could be in it")
	case timed != g.signed.has("timestamp"):
		o.fail("option signed: {timestamp} and timestamp_header or timestamp_field belong together")
	case g.timestampHeader != "" && g.timestampField != "":
		o.fail("option timestamp_field: timestamp_header is set too")
	case g.signed.has("id") && g.idHeader == "":
		o.fail("option id_header: {id} in signed needs it")
	}
}

// codec writes bytes as text.
type codec struct {
	encode func([]byte) string
	decode func(string) ([]byte, error)
}

var codecs = map[string]codec{
	"hex":    {hex.EncodeToString, hex.DecodeString},
	"base64": {base64.StdEncoding.EncodeToString, base64.StdEncoding.DecodeString},
	"text":   {func(b []byte) string { return string(b) }, func(s string) ([]byte, error) { return []byte(s), nil }},
}

// Name returns "hmac".
func (generic) Name() string { return "hmac" }

// ParseSecret decodes the secret as the option secret_encoding says.
func (g generic) ParseSecret(raw []byte) (Secret, error) {
	key, err := g.decodeSecret(string(raw))
	if err != nil {
		return Secret{}, errors.New("the secret is not of the form that secret_encoding names")
	}
	return newMACSecret(g.newHash, key)
}

// Verify checks the timestamp, if there is one, in both directions, then the signature
// over what the template says.
func (g generic) Verify(req *Request, secrets []Secret) error {
	header := req.Header.Get(g.header)
	if header == "" {
		return HeaderMissing
	}
	fields := parseFields(header)
	timestamp, err := g.timestamp(req, fields)
	if err != nil {
		return err
	}
	parts := g.signed.fill(req, timestamp, req.Header.Get(g.idHeader))
	if g.field == "" {
		return g.verify(header, secrets, parts)
	}
	err = UnknownVersion
	fields.all(g.field, func(value string) bool {
		err = g.verify(value, secrets, parts)
		return err != nil
	})
	return err
}

func (g generic) timestamp(req *Request, fields headerFields) (string, error) {
	var timestamp string
	switch {
	case g.timestampHeader != "":
		if timestamp = req.Header.Get(g.timestampHeader); timestamp == "" {
			return "", HeaderMissing
		}
	case g.timestampField != "":
		timestamp = fields.first(g.timestampField)
	default:
		return "", nil
	}
	return timestamp, checkTimestamp(timestamp, req.Now, g.tolerance)
}

func (g generic) verify(value string, secrets []Secret, parts [][]byte) error {
	encoded, ok := strings.CutPrefix(value, g.prefix)
	if !ok {
		return BadEncoding
	}
	signature, err := g.encoding.decode(encoded)
	if err != nil || len(signature) != g.size {
		return BadEncoding
	}
	if !madeBy(secrets, signature, parts...) {
		return SignatureMismatch
	}
	return nil
}

// Read takes what the options name out of headers and body. Headers come before members.
func (g generic) Read(req *Request, document []byte) Delivery {
	from := func(header string, path []string) string {
		if header != "" && req.Header.Get(header) != "" {
			return req.Header.Get(header)
		}
		if path == nil {
			return ""
		}
		return field(document, path...)
	}
	return single(Event{
		Type: "hmac." + orText(from(g.typeHeader, g.typePath), "event"), User: from("", g.userPath),
		OrderKey: from("", g.orderPath), DedupeID: from(g.idHeader, g.idPath),
	}, nil)
}

// Sign returns the signature, and the timestamp and id where they are headers.
func (g generic) Sign(secret Secret, req *Request, id string) http.Header {
	timestamp := strconv.FormatInt(req.Now.Unix(), 10)
	value := g.prefix + g.encoding.encode(secret.sum(g.signed.fill(req, timestamp, id)...))
	if g.field != "" {
		value = g.field + "=" + value
	}
	if g.timestampField != "" {
		value = g.timestampField + "=" + timestamp + "," + value
	}
	header := http.Header{g.header: {value}}
	for name, value := range map[string]string{g.timestampHeader: timestamp, g.idHeader: id} {
		if name != "" {
			header.Set(name, value)
		}
	}
	return header
}
