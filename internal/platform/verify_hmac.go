package platform

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// macScheme says how a sender signs with a shared secret, and in which headers it sends that. A
// platform that does so embeds one, and has ParseSecret, Verify and [Signer] from it.
type macScheme struct {
	// headers have signatures, encoded and after the prefix; there may be several, as secrets are
	// rotated. With a field they have items "name=value" with one of the separators between them, and each
	// one of that name is a signature.
	headers                   []string
	prefix, field, separators string
	// timestampHeader, or timestampField among the items, has the signed time.
	timestampHeader, timestampField string
	clock                           clock
	tolerance                       time.Duration
	// idHeader has the delivery's id.
	idHeader string
	// base is the gateway's public address, as [options.address] has it.
	base *url.URL

	newHash func() hash.Hash
	// encoding is that of signatures, secretEncoding that of secrets as they are shown, after a
	// secretPrefix if they have it.
	encoding, secretEncoding codec
	secretPrefix             string
	signed                   template
}

// newMACScheme fills in what most senders have: HMAC-SHA256, in hex, with the secret as it is
// shown, over what the template says.
func newMACScheme(o *options, s macScheme, signed string) macScheme {
	if s.newHash == nil {
		s.newHash = sha256.New
	}
	if s.tolerance == 0 {
		s.tolerance = defaultTolerance
	}
	if s.encoding.name == "" {
		s.encoding = codecs["hex"]
	}
	if s.secretEncoding.name == "" {
		s.secretEncoding = codecs["text"]
	}
	if s.clock.parse == nil {
		s.clock = clocks["seconds"]
	}
	s.separators = cmp.Or(s.separators, ",")
	s.signed = parseTemplate(o, signed)
	return s
}

// codec writes bytes as text.
type codec struct {
	name   string
	encode func([]byte) string
	decode func(string) ([]byte, error)
}

var codecs = map[string]codec{
	"hex":    {"hex", hex.EncodeToString, hex.DecodeString},
	"base64": {"base64", base64.StdEncoding.EncodeToString, base64.StdEncoding.DecodeString},
	"text":   {name: "text", decode: func(s string) ([]byte, error) { return []byte(s), nil }},
}

// ParseSecret takes the secret as the platform's console shows it.
func (s macScheme) ParseSecret(raw []byte) (Secret, error) {
	decode, text := s.secretEncoding.decode, strings.TrimPrefix(string(raw), s.secretPrefix)
	if s.secretEncoding.name == "base64" {
		decode = decodeBase64
	}
	key, err := decode(text)
	if err != nil {
		return Secret{}, errors.New("the secret is not " + s.secretEncoding.name)
	}
	return newMACSecret(s.newHash, key)
}

// Verify checks the timestamp, if there is one, in both directions, then the signature.
func (s macScheme) Verify(req *Request, secrets []Secret) error {
	headers := s.sent(req)
	if len(headers) == 0 {
		return HeaderMissing
	}
	values := signedValues{id: req.Header.Get(s.idHeader), url: publicURL(s.base, req.URL)}
	if values.id == "" && s.signed.has("id") {
		return HeaderMissing
	}
	var err error
	if values.timestamp, err = s.timestamp(req, headers); err != nil {
		return err
	}
	signatures, err := s.signatures(headers)
	if err != nil {
		return err
	}
	pieces := s.signed.fill(req, values)
	if !anyMAC(secrets, signatures, pieces...) {
		return SignatureMismatch
	}
	if !s.signed.hold(pieces) {
		return badBorders
	}
	return nil
}

// sent are the headers with signatures that the request has.
func (s macScheme) sent(req *Request) (values []string) {
	for _, name := range s.headers {
		values = append(values, req.Header.Values(name)...)
	}
	return slices.DeleteFunc(values, func(value string) bool { return value == "" })
}

func (s macScheme) timestamp(req *Request, headers []string) (timestamp string, err error) {
	switch {
	case s.timestampHeader != "":
		if timestamp = req.Header.Get(s.timestampHeader); timestamp == "" {
			return "", HeaderMissing
		}
	case s.timestampField != "":
		timestamp = firstField(headers, s.separators, s.timestampField)
	default:
		return "", nil
	}
	return timestamp, s.clock.check(timestamp, req.Now, s.tolerance)
}

// versionPrefix is a prefix that numbers the scheme.
var versionPrefix = regexp.MustCompile(`^v[0-9]+=`)

// signatures decodes those in the headers; it fails when none has the right form.
func (s macScheme) signatures(headers []string) (found [][]byte, err error) {
	err = unknownVersion
	for value := range fields(headers, s.separators, s.field) {
		encoded, ok := strings.CutPrefix(value, s.prefix)
		if !ok && versionPrefix.MatchString(s.prefix) && versionPrefix.MatchString(value) {
			continue
		}
		signature, bad := s.encoding.decode(encoded)
		if !ok || bad != nil || len(signature) == 0 {
			err = badEncoding
			continue
		}
		found = append(found, signature)
	}
	if len(found) > 0 {
		return found, nil
	}
	return nil, err
}

// Sign returns the signature, and the timestamp and the delivery id where they are headers.
func (s macScheme) Sign(secret Secret, req *Request, id string) http.Header {
	timestamp := s.clock.format(req.Now)
	values := signedValues{timestamp: timestamp, id: id, url: publicURL(s.base, req.URL)}
	value := s.prefix + s.encoding.encode(secret.sum(s.signed.fill(req, values)...))
	if s.field != "" {
		value = s.field + "=" + value
	}
	if s.timestampField != "" {
		value = s.timestampField + "=" + timestamp + s.separators[:1] + value
	}
	header := http.Header{}
	header.Set(s.headers[0], value)
	for name, value := range map[string]string{s.timestampHeader: timestamp, s.idHeader: id} {
		if name != "" {
			header.Set(name, value)
		}
	}
	return header
}
