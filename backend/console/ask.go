package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/idempotency"
	"github.com/botgate/botgate/internal/requestid"
)

// maxAnswer is what a page reads of an answer of the API: more than the largest event with its attempts.
const maxAnswer = 64 << 20

var errTooLarge = errors.New("an answer of the API is too large for a page")

// call is a request to the API.
type call struct {
	method, path string
	query        url.Values
	// key marks repeats of a call that changes something; empty for none.
	key string
	// later has a job do it.
	later bool
	// body is JSON; nil for none.
	body []byte
	// shared lets the answer be one of a moment ago.
	shared bool
}

// get is a call that reads. Empty parameters are left out.
func get(path string, query url.Values) call {
	return call{method: http.MethodGet, path: path, query: query}
}

// getShared is a call that reads what pages read again and again.
func getShared(path string, query url.Values) call {
	a := get(path, query)
	a.shared = true
	return a
}

// url is the call's path and query.
func (a call) url() string {
	for name, values := range a.query {
		if len(values) == 0 || values[0] == "" {
			a.query.Del(name)
		}
	}
	if len(a.query) == 0 {
		return a.path
	}
	return a.path + "?" + a.query.Encode()
}

// request is a call in the visitor's name, if they may make it.
func (v *visit) request(a call) (*http.Request, error) {
	request, err := http.NewRequestWithContext(v.r.Context(), a.method, a.url(), bytes.NewReader(a.body))
	if err != nil {
		return nil, fmt.Errorf("asking the API: %w", err)
	}
	switch scope, known := v.c.scopeFor(request); {
	case !known:
		return nil, fmt.Errorf("nobody may ask for %s %s", a.method, a.path)
	case !v.May(scope):
		return nil, v.missingScope(scope)
	case a.method != http.MethodGet && v.c.cfg.ReadOnly:
		return nil, &trouble{Status: http.StatusForbidden, Title: "This console is read-only", Detail: "Nothing was changed."}
	}
	request.Header.Set(botclaim.Header, v.session.Bot)
	v.identify(request.Header)
	request.Header.Set(requestid.Header, v.id)
	if a.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if a.later {
		request.Header.Set("Prefer", "respond-async")
	}
	if a.key != "" {
		request.Header.Set(idempotency.Header, a.key)
	}
	return request, nil
}

// identify says who asks, for the audit: by which session, and from where.
func (v *visit) identify(h http.Header) {
	h.Set(userHeader, v.session.User)
	h.Set(issuerHeader, v.session.Issuer)
	h.Set(tokenHeader, v.session.ID)
	if address := v.r.Header.Get(clientHeader); address != "" {
		h.Set(clientHeader, address)
	}
}

// ask makes a call, and decodes the answer. What the API refuses is a [trouble].
func (v *visit) ask(a call, into any) error {
	_, err := v.askWithHeader(a, into)
	return err
}

// askWithHeader does the same, and returns the answer's header.
func (v *visit) askWithHeader(a call, into any) (http.Header, error) {
	request, err := v.request(a)
	if err != nil {
		return nil, err
	}
	key := v.session.Bot + " " + request.URL.String()
	if body := v.c.recent.get(key, v.now); a.shared && body != nil {
		return nil, json.Unmarshal(body, into)
	}
	answer := &recorder{header: http.Header{}}
	v.c.cfg.API.ServeHTTP(answer, request)
	if a.method != http.MethodGet {
		v.c.recent.forget()
	}
	switch {
	case answer.over:
		return nil, errTooLarge
	case answer.status >= http.StatusMultipleChoices:
		return nil, troubleOf(answer.status, answer.body.Bytes())
	case answer.status == http.StatusNoContent:
		return answer.header, nil
	}
	if err := json.Unmarshal(answer.body.Bytes(), into); err != nil {
		return nil, fmt.Errorf("reading the answer to %s %s: %w", a.method, a.path, err)
	}
	if a.shared {
		v.c.recent.put(key, answer.body.Bytes(), v.now)
	}
	return answer.header, nil
}

// pass has the API answer the visitor itself, with a file or a stream.
func (v *visit) pass(a call) error {
	request, err := v.request(a)
	if err != nil {
		return err
	}
	for _, name := range []string{"Accept-Encoding", "Last-Event-ID"} {
		if value := v.r.Header.Get(name); value != "" {
			request.Header.Set(name, value)
		}
	}
	v.c.cfg.API.ServeHTTP(v.w, request)
	return nil
}

// recorder keeps an answer of the API.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
	over   bool
}

// Header implements [http.ResponseWriter].
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if r.over = r.over || r.body.Len()+len(p) > maxAnswer; r.over {
		return 0, errTooLarge
	}
	return r.body.Write(p)
}

// asCurl is the call as a command for a shell.
func (v *visit) asCurl(a call) string {
	request, err := http.NewRequestWithContext(v.r.Context(), a.method, a.url(), nil)
	if err != nil {
		return ""
	}
	scope, _ := v.c.scopeFor(request)
	return fmt.Sprintf(`curl -H "Authorization: Bearer $(botgate token --scope %s)" %s`, scope, quote(baseURL(v.r)+a.url()))
}

// quote makes a text one word of a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
