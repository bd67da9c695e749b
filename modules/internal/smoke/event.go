package smoke

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// command is the body of the event, as schemas/command.v1.json has it.
const command = `{"command":"/smoke","text":"A smoke test: nothing is to be done."}`

// longestWait is how long one question waits for the event's end; the API allows 30 s.
const longestWait = 10 * time.Second

// event is the event that is followed, as the API shows it.
type event struct {
	id, key, request string

	Status   string
	Subject  string
	Attempts []attempt
}

type attempt struct {
	Attempt    int
	StatusCode int `json:"status_code"`
	Error      string
}

func (a attempt) String() string {
	if a.StatusCode == 0 {
		return fmt.Sprintf("attempt %d: %s", a.Attempt, cmp.Or(a.Error, "no answer"))
	}
	return fmt.Sprintf("attempt %d was answered %d", a.Attempt, a.StatusCode)
}

func (r *run) commands() string { return r.URL + "/v1/bots/" + url.PathEscape(r.Bot) + "/commands" }

func (r *run) shown() string { return r.URL + "/v1/events/" + url.PathEscape(r.sent.id) }

// send sends the event, with the key by which it is one event however often it is sent.
func (r *run) send(ctx context.Context) (answer, string, error) {
	a, err := r.ask(ctx, http.MethodPost, r.commands(), r.Token, []byte(command), "Idempotency-Key", r.sent.key)
	if err != nil {
		return a, "", err
	}
	if a.status != http.StatusAccepted {
		return a, "", fmt.Errorf("the command was %s: %s", a.refusal(), r.advice(a.status))
	}
	var accepted struct{ ID string }
	if err := json.Unmarshal(a.body, &accepted); err != nil || accepted.ID == "" {
		return a, "", errors.New("the answer to the command has no id: who answers at --url?")
	}
	return a, accepted.ID, nil
}

// advice says what to change where a command or a question was refused.
func (r *run) advice(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "the token is not one of this gateway: look at --token-file, or at --data, whose jwt.secret has to be the gateway's"
	case http.StatusForbidden:
		return "the token has to have the scopes commands:write and events:read, and no claim bot but " + r.Bot
	case http.StatusNotFound:
		return "option --bot: is " + r.Bot + " in the bots file, and --url the gateway's?"
	case http.StatusTooManyRequests:
		return "a limit of bot_rate_limit is reached; wait, or give smoke tests a user of their own"
	case http.StatusServiceUnavailable:
		return "the gateway's log says what the queue answers, and docs/guides/runbook.md what to do"
	}
	return "the gateway's log says why"
}

func (r *run) accepted(ctx context.Context) (string, error) {
	r.sent.key = "smoke-" + rand.Text()
	start := time.Now()
	a, id, err := r.send(ctx)
	if err != nil {
		return "", err
	}
	r.sent.id, r.sent.request = id, a.header.Get("X-Request-Id")
	if took := time.Since(start); took > r.AcceptWithin {
		return "", fmt.Errorf("the answer took %s, and --accept-within allows %s: look at the queue", took.Round(time.Millisecond), r.AcceptWithin)
	}
	return "event " + id, nil
}

func (r *run) repeated(ctx context.Context) (string, error) {
	_, id, err := r.send(ctx)
	if err != nil {
		return "", err
	}
	if id != r.sent.id {
		return "", fmt.Errorf("the same command with the same Idempotency-Key became another event, %s: look at idempotency_window of bot_enqueue", id)
	}
	return "the same command again is the same event", nil
}

// look asks the API what became of the event.
func (r *run) look(ctx context.Context, query string) error {
	a, err := r.ask(ctx, http.MethodGet, r.shown()+query, r.Token, nil)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusNotFound:
		return fmt.Errorf("the API does not have the event %w", errNot)
	case a.status != http.StatusOK:
		return fmt.Errorf("the event can't be read: %s: %s", a.refusal(), r.advice(a.status))
	}
	return json.Unmarshal(a.body, &r.sent)
}

func (r *run) recorded(ctx context.Context) (string, error) {
	return "the API has the event", until(ctx, func() error {
		err := r.look(ctx, "")
		if errors.Is(err, errNot) {
			err = fmt.Errorf("%w: look at the processes with the role record, and at --timeout", err)
		}
		return err
	})
}

func (r *run) delivered(ctx context.Context) (string, error) {
	// Several answers fit into the bound, so that what is known at its end is not from its beginning.
	wait := "?wait=" + min(longestWait, r.Timeout/4).String()
	err := until(ctx, func() error {
		if err := r.look(ctx, wait); err != nil {
			return err
		}
		switch r.sent.Status {
		case "delivered", "dead", "dropped", "expired":
			return nil
		}
		return errNot
	})
	if r.sent.Status != "delivered" {
		return "", fmt.Errorf("the event is %s%s: look at the address and the secret of %s in the bots file, "+
			"at the processes with the role dispatch, and at --timeout", r.sent.Status, r.lastAttempt(), r.Bot)
	}
	return "the bot took it" + r.lastAttempt(), err
}

func (r *run) lastAttempt() string {
	if len(r.sent.Attempts) == 0 {
		return "; there was no attempt"
	}
	return "; " + r.sent.Attempts[len(r.sent.Attempts)-1].String()
}

// answered is asked after the delivery, so there is nothing to wait for.
func (r *run) answered(context.Context) (string, error) {
	if !r.Answered(r.sent.id) {
		return "", fmt.Errorf("another process than this one is the bot: look at the address of %s in the bots file, and at --listen", r.Bot)
	}
	return "the delivery came here, with the bot's signature", nil
}

// erased takes away what the test left, which is all that there is of its user.
func (r *run) erased(ctx context.Context) (string, error) {
	a, err := r.ask(ctx, http.MethodDelete, r.URL+"/v1/users/"+url.PathEscape(r.sent.Subject)+"/data", r.EraseToken, nil)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("the user %s can't be erased: %s; --keep leaves the event to the retention", r.sent.Subject, a.refusal())
	}
	return "nothing is left of user " + r.sent.Subject, err
}
