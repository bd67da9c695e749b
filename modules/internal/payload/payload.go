// Package payload reads a request's body once, within a cap, and shares the bytes and
// the decoded JSON between the modules that the request passes.
package payload

import (
	"bytes"
	"cmp"
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/mediatype"
	"github.com/botgate/botgate/modules/internal/jsondoc"
	"github.com/botgate/botgate/modules/internal/unverified"
)

// DefaultMaxSize is the largest body, in bytes, where no max_size is configured: 1 MB.
const DefaultMaxSize = 1 << 20

const varKey = "botgate_payload"

var (
	// ErrTooLarge means that the body exceeds the cap, as sent or decompressed.
	ErrTooLarge = errors.New("request body too large")
	// errEncoding means that the body has a content coding other than gzip, br and zstd.
	errEncoding = errors.New("unsupported content coding")
	// errCompressed means that the body is not what its content coding says.
	errCompressed = errors.New("request body could not be decompressed")
	// errNotForm means that the body is not a form with one JSON field "payload".
	errNotForm = errors.New(`request body is not a form with a "payload" field`)
	// errMediaType means that the body's media type is neither JSON nor a form that was settled.
	errMediaType = errors.New("unsupported media type")
	// errCharset means that the body is not said to be in UTF-8.
	errCharset = errors.New("unsupported charset")
	// errTypes means that there are several headers Content-Type: those who read the request could go by
	// different ones.
	errTypes = errors.New("more than one Content-Type")
)

// Payload is a request body that was read whole.
type Payload struct {
	// Raw is the body as it was sent, byte for byte: what a signature covers. It must
	// not be changed.
	Raw []byte
	// ContentType is the Content-Type header as it was sent.
	ContentType string

	// encodings are the Content-Encoding headers.
	encodings []string
	// maxSize is the cap of the module that asked last.
	maxSize  int64
	content  []byte
	document []byte
	json     parsed
	// settled says that a platform's signature covers the body, which may be a form then.
	settled bool
	// lease is what the body holds of the budget for unknown senders.
	lease *unverified.Lease
	// shared says that more than one caller of Of has the body.
	shared bool
	// again is the body of the request for who reads it after this.
	again body
}

// body is a request's body that was read.
type body struct{ bytes.Reader }

// Close implements [io.Closer].
func (*body) Close() error { return nil }

// parsed is what became of the document.
type parsed struct {
	tried    bool
	document *jsondoc.Document
	err      error
}

// Of returns the request's payload. The first call reads the body, at most maxSize
// bytes of it, and later calls, also by other modules, get the same payload. The
// request's body can be read again by the next handler, such as reverse_proxy.
//
// The maxSize of the latest call also caps what [Payload.Content] decompresses. 0 stands for that
// of the call before, and of the first one for [DefaultMaxSize].
//
// What is read of a sender who is not known yet counts against the budget until [Trust],
// [Release] or [Drop]: whoever calls Of defers Release. Without a budget nothing counts.
func Of(r *http.Request, budget *unverified.Budget, maxSize int64) (*Payload, error) {
	if p, ok := caddyhttp.GetVar(r.Context(), varKey).(*Payload); ok {
		p.shared = true
		return p, p.allow(maxSize)
	}
	if len(r.Header.Values("Content-Type")) > 1 {
		return nil, errTypes
	}
	maxSize = cmp.Or(maxSize, DefaultMaxSize)
	if r.ContentLength > maxSize {
		return nil, ErrTooLarge
	}
	p := &Payload{
		ContentType: r.Header.Get("Content-Type"), encodings: r.Header.Values("Content-Encoding"),
		maxSize: maxSize, lease: leaseFor(r, budget),
	}
	err := p.lease.Fits(r.ContentLength)
	if err != nil {
		return nil, err
	}
	if p.Raw, err = readAll(r.Body, r.ContentLength, maxSize, p.lease.Grow); err != nil {
		p.drop()
		return nil, err
	}
	p.again.Reset(p.Raw)
	r.Body = &p.again
	r.ContentLength = int64(len(p.Raw))
	caddyhttp.SetVar(r.Context(), varKey, p)
	return p, nil
}

// allow takes over the cap of another module, unless the body exceeds it.
func (p *Payload) allow(maxSize int64) error {
	if maxSize == 0 {
		return nil
	}
	if max(int64(len(p.Raw)), int64(len(p.content))) > maxSize {
		return ErrTooLarge
	}
	p.maxSize = maxSize
	return nil
}

// Content returns the body without its content coding: Raw itself where it has none, and
// otherwise the decompressed bytes, at most as many as the cap of [Of] allows. They must
// not be changed. The error is [ErrTooLarge], [unverified.ErrFull], errEncoding or errCompressed.
func (p *Payload) Content() ([]byte, error) {
	if p.content != nil {
		return p.content, nil
	}
	content, err := decompress(p.Raw, p.encodings, p.maxSize, func(bytes int64) error {
		return p.lease.Hold(int64(cap(p.Raw)) + bytes)
	})
	if err != nil {
		return nil, err
	}
	p.content = content
	return content, nil
}

// Document returns the JSON text in the body: its [Payload.Content], or, where a platform
// signed a form (GitHub, Slack), the field "payload". Whether it is valid is not checked.
func (p *Payload) Document() ([]byte, error) {
	if p.document != nil {
		return p.document, nil
	}
	media := mediatype.Of(p.ContentType)
	if media == typeForm && p.settled {
		return nil, errNotForm // Its field would be there.
	}
	if !isJSON(media) {
		return nil, errMediaType
	}
	if !mediatype.IsUTF8(p.ContentType) {
		return nil, errCharset
	}
	document, err := p.Content()
	if err != nil {
		return nil, err
	}
	p.document = document
	return document, nil
}

// Parse returns the document in the body, as [jsondoc.Parse] reads it. It is read again only where an
// earlier call had other limits and the document's fate depends on it.
func (p *Payload) Parse(limits jsondoc.Limits) (*jsondoc.Document, error) {
	if p.json.tried && (p.json.err == nil && limits.Allow(p.json.document.Extremes()) ||
		p.json.err != nil && !errors.Is(p.json.err, jsondoc.ErrTooComplex)) {
		return p.json.document, p.json.err
	}
	next := parsed{tried: true}
	var text []byte
	if text, next.err = p.Document(); next.err == nil {
		next.document, next.err = jsondoc.Parse(text, limits)
	}
	// What one module refuses but another one could use stays in place for that one.
	if !p.json.tried || p.json.err != nil {
		p.json = next
	}
	return next.document, next.err
}
