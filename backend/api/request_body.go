package api

import (
	"errors"
	"io"
	"net/http"

	"github.com/botgate/botgate/internal/mediatype"
	"github.com/botgate/botgate/internal/problem"
)

// readBody reads a body of one media type, without a content coding, of at most limit bytes.
func readBody(w *response, r *http.Request, mediaType string, limit int) ([]byte, error) {
	if mediatype.Of(r.Header.Get("Content-Type")) != mediaType {
		return nil, problem.UnsupportedType.WithDetail("Send %s.", mediaType)
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, problem.UnsupportedType.WithHeader("Accept-Encoding", "identity").WithDetail("Send the body without a Content-Encoding.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w.ResponseWriter, r.Body, int64(limit)))
	if tooMuch := (*http.MaxBytesError)(nil); errors.As(err, &tooMuch) {
		return nil, problem.TooLarge.WithDetail("The body may have %d bytes.", limit)
	}
	if err != nil {
		return nil, problem.Malformed.WithDetail("The body could not be read.")
	}
	return body, nil
}
