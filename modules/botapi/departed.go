package botapi

import (
	"context"
	"io"
	"net/http"
)

// A stream ends when its reader closes it, which is how a page that follows one always does. reverse_proxy takes an answer
// that broke off for one that somebody has to look at; so the answer ends for it, and its connection is broken here.

// departure is where a request keeps whether its sender left before the answer was whole.
type departure struct{ left bool }

type departureKey struct{}

// withDeparture has the transport note in the request when its sender leaves.
func withDeparture(r *http.Request) (*http.Request, *departure) {
	d := new(departure)
	return r.WithContext(context.WithValue(r.Context(), departureKey{}, d)), d
}

// watch has reading the answer end when the request's sender left.
func watch(r *http.Request, response *http.Response) *http.Response {
	d, ok := r.Context().Value(departureKey{}).(*departure)
	if ok && response != nil && response.StatusCode != http.StatusSwitchingProtocols {
		response.Body = &departing{response.Body, r.Context(), d}
	}
	return response
}

// departing is the body of an answer.
type departing struct {
	io.ReadCloser
	ctx context.Context //nolint:containedctx // Of the request that the body answers.
	d   *departure
}

// Read implements [io.Reader].
func (b *departing) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF && b.ctx.Err() != nil { //nolint:errorlint // As readers return it.
		b.d.left = true
		return n, io.EOF
	}
	return n, err
}
