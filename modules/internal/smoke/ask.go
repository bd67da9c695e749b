package smoke

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/retry"
)

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 8 << 20

// poll is the pause between two questions.
var poll = retry.Backoff{Min: 50 * time.Millisecond, Max: time.Second}

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request with a token, or with none.
func (r *run) ask(ctx context.Context, method, url, token string, body []byte, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("option --url: %w", err)
	}
	request.Header.Set("User-Agent", "botgate-smoke")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := r.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return answer{response.StatusCode, response.Header, content}, err
}

// until asks again and again until check finds what it looks for. Its error is then the last one, once the time is over.
func until(ctx context.Context, check func() error) error {
	var last error
	found := poll.Until(ctx, func() bool {
		err := check()
		// What ends with the time says nothing about why.
		if err == nil || ctx.Err() == nil || last == nil {
			last = err
		}
		return err == nil
	})
	if found {
		return nil
	}
	return last
}

// refusal is what an answer says that is not the expected one.
func (a answer) refusal() string {
	var p problem.Problem
	if json.Unmarshal(a.body, &p) != nil || p.Title == "" {
		return fmt.Sprintf("answered %d", a.status)
	}
	if p.Detail != "" {
		return fmt.Sprintf("answered %d: %s %s", a.status, p.Title, p.Detail)
	}
	return fmt.Sprintf("answered %d: %s", a.status, p.Title)
}
