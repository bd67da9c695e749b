package platform

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// defaultTolerance is how far a signed timestamp may be from now, both ways.
const defaultTolerance = 5 * time.Minute

// macScheme says how a sender signs with a shared secret, and in which headers it sends that. A
// platform that does so embeds one, and has ParseSecret, Verify and [Signer] from it.
type macScheme struct {
	// header has the signature, encoded and after the prefix. With a field it has items
	// "name=value", and each one of that name is a signature, as secrets are rotated.
	header, prefix, field string
	// timestampHeader, or timestampField among the items, has the signed Unix seconds.
	timestampHeader, timestampField string
	tolerance                       time.Duration
	// idHeader has the delivery's id.
	idHeader string

	newHash func() hash.Hash
	// digits is how many hex digits a signature has; 0 in base64, where the padding tells.
	digits int
	// encoding is that of signatures, secretEncoding that of secrets as they are shown.
	encoding, secretEncoding codec
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
	if s.encoding.name == "hex" {
		s.digits = hex.EncodedLen(s.newHash().Size())
	}
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
	key, err := s.secretEncoding.decode(string(raw))
	if err != nil {
		return Secret{}, errors.New("the secret is not " + s.secretEncoding.name)
	}
	return newMACSecret(s.newHash, key)
}

// Verify checks the timestamp, if there is one, in both directions, then the signature.
func (s macScheme) Verify(req *Request, secrets []Secret) error {
	header := req.Header.Get(s.header)
	if header == "" {
		return HeaderMissing
	}
	timestamp, err := s.timestamp(req, header)
	if err != nil {
		return err
	}
	signatures, err := s.signatures(header)
	if err != nil {
		return err
	}
	if !anyMAC(secrets, signatures, s.signed.fill(req, timestamp, req.Header.Get(s.idHeader))...) {
		return SignatureMismatch
	}
	return nil
}

func (s macScheme) timestamp(req *Request, header string) (timestamp string, err error) {
	switch {
	case s.timestampHeader != "":
		if timestamp = req.Header.Get(s.timestampHeader); timestamp == "" {
			return "", HeaderMissing
		}
	case s.timestampField != "":
		timestamp = firstField(header, s.timestampField)
	default:
		return "", nil
	}
	return timestamp, checkTimestamp(timestamp, req.Now, s.tolerance)
}

// signatures decodes those in the header; it fails when none has the right form.
func (s macScheme) signatures(header string) (found [][]byte, err error) {
	err = unknownVersion
	for value := range fields(header, s.field) {
		encoded, ok := strings.CutPrefix(value, s.prefix)
		signature, bad := s.encoding.decode(encoded)
		if !ok || bad != nil || s.digits != 0 && len(encoded) != s.digits {
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
	timestamp := strconv.FormatInt(req.Now.Unix(), 10)
	value := s.prefix + s.encoding.encode(secret.sum(s.signed.fill(req, timestamp, id)...))
	if s.field != "" {
		value = s.field + "=" + value
	}
	if s.timestampField != "" {
		value = s.timestampField + "=" + timestamp + "," + value
	}
	header := http.Header{s.header: {value}}
	for name, value := range map[string]string{s.timestampHeader: timestamp, s.idHeader: id} {
		if name != "" {
			header.Set(name, value)
		}
	}
	return header
}

// checkTimestamp checks signed Unix seconds against now, in both directions.
func checkTimestamp(timestamp string, now time.Time, tolerance time.Duration) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return badTimestamp
	}
	around, within := now.Unix(), int64(tolerance/time.Second)
	if seconds < around-within || seconds > around+within {
		return timestampOutOfTolerance
	}
	return nil
}

// maxFields bounds the work that one header can cause.
const maxFields = 32

// fields are the values of the name in a header of the form "name=value,name=value"; without a
// name, the whole header.
func fields(header, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if name == "" {
			yield(header)
			return
		}
		left := maxFields
		for item := range strings.SplitSeq(header, ",") {
			if key, value, ok := strings.Cut(strings.TrimSpace(item), "="); ok && key == name && !yield(value) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

func firstField(header, name string) string {
	for value := range fields(header, name) {
		return value
	}
	return ""
}
