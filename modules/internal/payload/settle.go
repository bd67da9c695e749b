package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/url"
	"strings"

	"github.com/botgate/botgate/internal/mediatype"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/modules/internal/jsondoc"
)

const (
	typeJSON      = "application/json"
	typeForm      = "application/x-www-form-urlencoded"
	typeMultipart = "multipart/form-data"
)

// errNotExpected means that the body is of none of the kinds that its sender sends.
var errNotExpected = errors.New("request body is not what the platform sends")

// Settle decides by the content which of the kinds the body is, whatever the unsigned Content-Type
// says: then [Payload.Document] and ContentType are that for all modules, and ContentType stays as it
// was sent where it says the same. The document is nil for a form without one and for what is neither.
func (p *Payload) Settle(kinds platform.Bodies) (document []byte, err error) {
	content, err := p.Content()
	if err != nil {
		return nil, err
	}
	media, _, unreadable := mime.ParseMediaType(p.ContentType)
	p.settled = true
	switch {
	case kinds.JSON && p.read(content):
		p.document = content
		if unreadable != nil || !isJSON(media) || !mediatype.IsUTF8(p.ContentType) {
			p.ContentType = typeJSON
		}
		return content, nil
	case kinds.Payload || kinds.Form:
		document, err = formField(content, "payload")
		if kinds.Payload && err == nil && p.read(document) {
			p.document = document
		} else if document = nil; !kinds.Form || !isForm(content) {
			break
		}
		if media != typeForm {
			p.ContentType = typeForm
		}
		return document, nil
	}
	if !kinds.Other {
		return nil, errNotExpected
	}
	return nil, nil
}

// CheckForm refuses a form that no platform signed: any page in a browser can have one sent, with the
// cookies of whoever looks at it, and without being asked first.
func (p *Payload) CheckForm() error {
	if media := mediatype.Of(p.ContentType); !p.settled && (media == typeForm || media == typeMultipart) {
		return errMediaType
	}
	return nil
}

// isJSON reports whether the media type is JSON, or says that it is written in it (RFC 6839).
func isJSON(media string) bool { return media == typeJSON || strings.HasSuffix(media, "+json") }

// read reports whether the text is a JSON object or array. Most are read as [Payload.Parse] does, which has that from
// here then; what that refuses is JSON nevertheless where others can read it.
func (p *Payload) read(text []byte) bool {
	first := bytes.TrimLeft(text, " \t\r\n")
	if len(first) == 0 || first[0] != '{' && first[0] != '[' {
		return false
	}
	if len(text) > DefaultMaxSize { // Reading it takes memory, which may be for nothing.
		return json.Valid(text)
	}
	document, err := jsondoc.Parse(text, jsondoc.Limits{})
	if err != nil && !json.Valid(text) {
		return false
	}
	p.json = parsed{tried: true, document: document, err: err}
	return true
}

// isForm reports whether the text is a form with a field at least.
func isForm(text []byte) bool {
	fields, err := url.ParseQuery(string(text))
	return err == nil && len(fields) > 0 && bytes.IndexByte(text, '=') > 0
}
