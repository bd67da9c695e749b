package idempotency

import (
	"net/http"
	"regexp"
	"strings"
)

// Header is the request header of draft-ietf-httpapi-idempotency-key-header.
const Header = "Idempotency-Key"

// HeaderForm says what the header may be.
const HeaderForm = "Idempotency-Key must be one value of 1 to 255 visible ASCII characters," +
	" or a quoted string of them and spaces."

var (
	// bareKey is a key as clients send it who do not quote.
	bareKey = regexp.MustCompile(`^[\x21\x23-\x7e][\x21-\x7e]{0,254}$`)
	// quotedKey is a string of RFC 9651, section 3.3.3, which the draft asks for.
	quotedKey = regexp.MustCompile(`^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"$`)
	unquote   = strings.NewReplacer(`\"`, `"`, `\\`, `\`)
)

// KeyIn returns the key in the headers, the same whether it is quoted or not, and "" where there is none.
// It is not ok where the header is none that [HeaderForm] describes.
func KeyIn(h http.Header) (key string, ok bool) {
	switch values := h.Values(Header); {
	case len(values) == 0:
		return "", true
	case len(values) > 1:
		return "", false
	case bareKey.MatchString(values[0]):
		return values[0], true
	default:
		quoted := quotedKey.FindStringSubmatch(values[0])
		if quoted == nil {
			return "", false
		}
		return unquote.Replace(quoted[1]), true
	}
}
