// Package payload reads a request's body once, within a cap, and shares the bytes and
// the decoded JSON between the modules that the request passes.
package payload

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/botgate/botgate/modules/internal/problem"
)

// DefaultMaxSize is the largest body, in bytes, where no max_size is configured: 1 MB.
const DefaultMaxSize = 1 << 20

// maxFirstGrow is how much memory a declared length alone can take, in bytes.
const maxFirstGrow = 64 << 10

const varKey = "botgate_payload"

var (
	// ErrTooLarge means that the body exceeds the cap.
	ErrTooLarge = errors.New("request body too large")
	// ErrNotJSON means that the body is not one JSON document in UTF-8.
	ErrNotJSON = errors.New("request body is not valid JSON")
	// ErrNotForm means that the body is not a form with one JSON field "payload".
	ErrNotForm = errors.New(`request body is not a form with a "payload" field`)
	// ErrMediaType means that the body's media type is neither JSON nor a form.
	ErrMediaType = errors.New("unsupported media type")
)

// Payload is a request body that was read whole.
type Payload struct {
	// Raw is the body, byte for byte. It must not be changed.
	Raw []byte
	// ContentType is the Content-Type header as it was sent.
	ContentType string

	document []byte
	decoded  any
	err      error
	done     bool
}

// Of returns the request's payload. The first call reads the body, at most maxSize
// bytes of it, and later calls, also by other modules, get the same payload. The
// request's body can be read again by whoever comes next, such as reverse_proxy.
func Of(r *http.Request, maxSize int64) (*Payload, error) {
	if p, ok := caddyhttp.GetVar(r.Context(), varKey).(*Payload); ok {
		if int64(len(p.Raw)) > maxSize {
			return nil, ErrTooLarge
		}
		return p, nil
	}
	if r.ContentLength > maxSize {
		return nil, ErrTooLarge
	}
	raw, err := readAll(r.Body, r.ContentLength, maxSize)
	if err != nil {
		return nil, err
	}
	p := &Payload{Raw: raw, ContentType: r.Header.Get("Content-Type")}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	r.ContentLength = int64(len(raw))
	caddyhttp.SetVar(r.Context(), varKey, p)
	return p, nil
}

func readAll(body io.Reader, length, maxSize int64) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	var buf bytes.Buffer
	if length > 0 {
		// A caller that declares much and sends little must not cost much.
		buf.Grow(int(min(length, maxFirstGrow)) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(body, maxSize+1))
	if err != nil {
		var herr caddyhttp.HandlerError
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) ||
			(errors.As(err, &herr) && herr.StatusCode == http.StatusRequestEntityTooLarge) {
			return nil, ErrTooLarge
		}
		return nil, fmt.Errorf("reading the request body: %w", err)
	}
	if n > maxSize {
		return nil, ErrTooLarge
	}
	return buf.Bytes(), nil
}

// Document returns the JSON text in the body: the body itself, or, where a platform
// sent a form (GitHub, Slack), its field "payload". Whether it is valid is not checked.
func (p *Payload) Document() ([]byte, error) {
	if p.document != nil {
		return p.document, nil
	}
	media, _, err := mime.ParseMediaType(p.ContentType)
	if err != nil {
		return nil, ErrMediaType
	}
	switch {
	case media == "application/json", strings.HasSuffix(media, "+json"):
		p.document = p.Raw
	case media == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(p.Raw))
		if err != nil || !form.Has("payload") {
			return nil, ErrNotForm
		}
		p.document = []byte(form.Get("payload"))
	default:
		return nil, ErrMediaType
	}
	return p.document, nil
}

// JSON returns the decoded document, numbers as json.Number. It is decoded once.
func (p *Payload) JSON() (any, error) {
	if !p.done {
		p.decoded, p.err = p.decode()
		p.done = true
	}
	return p.decoded, p.err
}

func (p *Payload) decode() (any, error) {
	doc, err := p.Document()
	if err != nil {
		return nil, err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotJSON, err)
	}
	return v, nil
}

// Problem returns the answer to a request whose payload could not be read or decoded.
func Problem(err error) *problem.Problem {
	switch {
	case errors.Is(err, ErrTooLarge):
		return problem.TooLarge
	case errors.Is(err, ErrMediaType):
		return problem.UnsupportedType.WithDetail("Send application/json.")
	case errors.Is(err, ErrNotJSON):
		return problem.Malformed.WithDetail("The body is not valid JSON.")
	case errors.Is(err, ErrNotForm):
		return problem.Malformed.WithDetail(`The form has no field "payload".`)
	default:
		return problem.Malformed.WithDetail("The body could not be read.")
	}
}
