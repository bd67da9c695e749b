package botgate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

type settlement struct {
	Receipt  string  `json:"receipt"`
	Outcome  string  `json:"outcome"`
	After    string  `json:"after,omitempty"`
	Progress int     `json:"progress,omitempty"`
	Answer   *Answer `json:"answer,omitempty"`
}

// lent is an event as it comes.
type lent struct {
	Receipt string `json:"receipt"`
	Attempt int    `json:"attempt"`
	Replay  int    `json:"replay"`
	// ReplyBy is zero where no platform waits.
	ReplyBy time.Time `json:"reply_by"`
	Event   struct {
		ID, Type, Source, Subject, DataContentType string
		Time                                       time.Time
		Data                                       json.RawMessage
		DataBase64                                 []byte `json:"data_base64"`
	} `json:"event"`
}

// event is the event in the form that handlers get.
func (l lent) event() *Event {
	e := &Event{
		Key: l.Event.ID, ID: l.Event.ID, Type: l.Event.Type, Source: l.Event.Source, Subject: l.Event.Subject, Time: l.Event.Time,
		Replay: l.Replay, Attempt: l.Attempt, ReplyBy: l.ReplyBy, ContentType: l.Event.DataContentType, Body: l.Event.Data,
	}
	if l.Replay > 0 {
		e.Key = fmt.Sprintf("%s.r%d", e.ID, l.Replay)
	}
	if e.Body == nil {
		e.Body = l.Event.DataBase64
	}
	return e
}

// settle tells what there is to tell, and tries several times.
func (r *receiver) settle(ctx context.Context) (err error) {
	for failures := 0; failures < 4 && r.hasSaid(); {
		var done bool
		if _, done, err = r.post(ctx, "settle", map[string]any{}, 10*time.Second); done {
			continue
		}
		select {
		case <-time.After(time.Second / 4 << failures):
			failures++
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (r *receiver) hasSaid() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.said) > 0
}

// post makes a request that tells what there is to tell. It reports whether the gateway knows of all of that.
func (r *receiver) post(
	ctx context.Context, path string, question map[string]any, timeout time.Duration,
) (events []lent, done bool, err error) {
	r.mu.Lock()
	told := make([]settlement, 0, len(r.said))
	for _, s := range r.said {
		told = append(told, s)
	}
	clear(r.said)
	r.mu.Unlock()
	if path == "settle" && len(told) == 0 {
		return nil, true, nil // A receive was quicker.
	}
	question["settle"] = told
	var answer struct {
		Events  []lent
		Settled []struct{ Receipt, Status string }
	}
	err = r.request(ctx, path, question, &answer, timeout)
	statuses := map[string]string{}
	for _, s := range answer.Settled {
		statuses[s.Receipt] = s.Status
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	done = err == nil
	for _, s := range told {
		_, newer := r.said[s.Receipt]
		switch w := r.running[s.Receipt]; {
		case err != nil || statuses[s.Receipt] == "unavailable":
			if done = false; !newer {
				r.say(s, err == nil) // One that was taken already does no harm.
			}
		case w != nil && statuses[s.Receipt] == "lost":
			w.vain()
		case w != nil:
			w.until = time.Now().Add(r.Lease)
		}
	}
	return answer.Events, done, err
}

func (r *receiver) request(ctx context.Context, path string, question, answer any, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	token, err := r.Token(ctx)
	if err != nil {
		return fmt.Errorf("getting a token: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := r.Client.Do(request)
	if err != nil {
		return fmt.Errorf("asking the gateway: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		problem := &refusal{Status: response.StatusCode}
		_ = json.NewDecoder(io.LimitReader(response.Body, 1<<16)).Decode(problem) // Others than Botgate say nothing.
		return problem
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("reading the gateway's answer: %w", err)
	}
	return nil
}

// refusal is an answer of the gateway that is no success.
type refusal struct {
	Status        int `json:"-"`
	Title, Detail string
}

func (r *refusal) Error() string {
	text := []string{fmt.Sprintf("the gateway answers %d", r.Status), r.Title, r.Detail}
	return strings.Join(slices.DeleteFunc(text, func(s string) bool { return s == "" }), ": ")
}

func (r *refusal) isFinal() bool {
	return r.Status < 500 && r.Status != http.StatusRequestTimeout && r.Status != http.StatusTooManyRequests
}

// isFinal reports whether the status makes an event a dead letter: those of 4xx do that can't be others later.
func (r *Refused) isFinal() bool {
	temporary := []int{401, 403, 404, 405, 407, 408, 409, 421, 423, 425, 426, 429, 431, 451}
	return r.Status >= 400 && r.Status < 500 && !slices.Contains(temporary, r.Status)
}
