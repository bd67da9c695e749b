package listen

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/botgate/botgate/internal/event"
)

// maxAnswer bounds an answer of the gateway.
const maxAnswer = 256 << 20

// refusal is an answer that is no success.
type refusal struct {
	status int
	title  string
	detail string
}

// Error implements error.
func (r *refusal) Error() string {
	text := fmt.Sprintf("the gateway answers %d", r.status)
	if r.title != "" {
		text += ": " + r.title
	}
	if r.detail != "" {
		text += " " + r.detail
	}
	return text
}

// isFinal reports whether it makes no sense to ask again.
func (r *refusal) isFinal() bool {
	return r.status >= 400 && r.status < 500 && r.status != http.StatusTooManyRequests && r.status != http.StatusRequestTimeout
}

// do makes a request with a token and reads a JSON document, unless there is nothing to read it into.
func (l *listener) do(request *http.Request, into any) error {
	response, err := l.send(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if into == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer)) // So that the connection can be used again.
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("reading the gateway's answer: %w", err)
	}
	return nil
}

// send makes a request with a token. An answer that is no success is a refusal.
func (l *listener) send(request *http.Request) (*http.Response, error) {
	token, err := l.Token()
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := l.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the gateway: %w", err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	problem := struct{ Title, Detail string }{}
	_ = json.NewDecoder(io.LimitReader(response.Body, 1<<16)).Decode(&problem) // Others than Botgate say nothing.
	return nil, &refusal{response.StatusCode, problem.Title, problem.Detail}
}

// readEvent reads an event in the structured mode of CloudEvents. A JSON body stays as it is.
func readEvent(members map[string]json.RawMessage) (*event.Event, error) {
	text := func(name string) (value string) {
		_ = json.Unmarshal(members[name], &value) // Absent ones are empty.
		return value
	}
	data := []byte(members["data"])
	if encoded := text("data_base64"); encoded != "" {
		var err error
		if data, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, err
		}
	}
	return event.FromAttributes(text, text("datacontenttype"), data)
}
