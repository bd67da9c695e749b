package platform

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// DefaultTolerance is how far a signed timestamp may be from now, both ways.
const DefaultTolerance = 5 * time.Minute

// verifyHex checks an HMAC of size bytes that is written as prefix and hex digits.
func verifyHex(signature, prefix string, size int, secrets []Secret, parts ...[]byte) error {
	if signature == "" {
		return HeaderMissing
	}
	digits, ok := strings.CutPrefix(signature, prefix)
	if !ok || len(digits) != hex.EncodedLen(size) {
		return BadEncoding
	}
	decoded, err := hex.DecodeString(digits)
	if err != nil {
		return BadEncoding
	}
	if !madeBy(secrets, decoded, parts...) {
		return SignatureMismatch
	}
	return nil
}

// verifyBase64 checks an HMAC that is written in base64.
func verifyBase64(signature string, secrets []Secret, parts ...[]byte) error {
	if signature == "" {
		return HeaderMissing
	}
	decoded, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return BadEncoding
	}
	if !madeBy(secrets, decoded, parts...) {
		return SignatureMismatch
	}
	return nil
}

// checkTimestamp checks signed Unix seconds against now, in both directions.
func checkTimestamp(timestamp string, now time.Time, tolerance time.Duration) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return BadTimestamp
	}
	around, within := now.Unix(), int64(tolerance/time.Second)
	if seconds < around-within || seconds > around+within {
		return TimestampOutOfTolerance
	}
	return nil
}
