package platform

import "net/url"

// Sealed is a platform that signs content. The others send a token that vouches for the sender only.
type Sealed interface {
	// Signed returns what the signature of a verified request covers, in parts that are signed as one:
	// who has caught a request can send those bytes again, and no others.
	Signed(req *Request) [][]byte
}

// Signed implements [Sealed].
func (s macScheme) Signed(req *Request) [][]byte {
	values := signedValues{id: req.Header.Get(s.idHeader), url: publicURL(s.base, req.URL)}
	values.timestamp, _ = s.timestamp(req, s.sent(req)) // Verified, so there is one where it is signed.
	return s.signed.fill(req, values)
}

// Signed implements [Sealed].
func (discord) Signed(req *Request) [][]byte {
	return [][]byte{[]byte(req.Header.Get(discordTimestamp)), req.Body}
}

// Signed implements [Sealed].
func (standardWebhooks) Signed(req *Request) [][]byte {
	id, timestamp, _ := standardHeaders(req.Header)
	return [][]byte{signedPrefix(id, timestamp), req.Body}
}

// Signed implements [Sealed]. An address has several spellings that Twilio may have signed, and a form
// several that are signed alike; here they are one.
func (t twilio) Signed(req *Request) [][]byte {
	address, err := url.Parse(req.URL)
	if err != nil {
		return [][]byte{req.Body}
	}
	if t.base != nil {
		address.Host = t.base.Host
	}
	query, err := url.QueryUnescape(address.RawQuery)
	if err != nil {
		query = address.RawQuery
	}
	form, _ := twilioSuffix(address, req) // Verified, so it is one.
	return [][]byte{[]byte(address.Hostname() + address.Path + "?" + query), form}
}
