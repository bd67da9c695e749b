package listen

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/botgate/botgate/backend/dispatch"
	"github.com/botgate/botgate/internal/event"
)

const (
	// atOnce is how many events are handed over at the same time, each of another order key.
	atOnce = 8
	// wait is how long a request waits for events.
	wait = "20s"
	// settleTimeout bounds a settlement, also at the end.
	settleTimeout = 10 * time.Second
)

type settlement struct {
	Receipt string `json:"receipt"`
	Outcome string `json:"outcome"`
	After   string `json:"after,omitempty"`
	Answer  *said  `json:"answer,omitempty"`
}

// said is what the server said, as settlements have it.
type said struct {
	ContentType string `json:"content_type,omitempty"`
	Body        []byte `json:"body_base64"`
}

// received is the answer to a receive.
type received struct {
	Events []struct {
		Receipt string                     `json:"receipt"`
		Attempt int                        `json:"attempt"`
		Replay  int                        `json:"replay"`
		ReplyBy time.Time                  `json:"reply_by"`
		Event   map[string]json.RawMessage `json:"event"`
	} `json:"events"`
}

// receive takes events once, and settles each as the answer to it says.
func (l *listener) receive(ctx context.Context) error {
	var got received
	ask := map[string]any{"max": atOnce, "wait": wait, "lease": (l.timeout() + time.Minute).String(), "types": l.Types}
	if err := l.post(ctx, "receive", ask, &got); err != nil {
		return err
	}
	var work sync.WaitGroup
	for _, r := range got.Events {
		work.Go(func() {
			said := settlement{Receipt: r.Receipt, Outcome: "dead"}
			if e, err := readEvent(r.Event); err != nil {
				l.print("what came is no event: %s", err)
			} else {
				e.ReplyBy = r.ReplyBy
				said = l.hand(ctx, e, r.Receipt, r.Attempt, r.Replay)
			}
			settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
			defer cancel()
			if err := l.post(settling, "settle", map[string]any{"settle": []settlement{said}}, nil); err != nil {
				l.print("%s; the event comes again", err)
			}
		})
	}
	work.Wait()
	return nil
}

// hand hands an event over, and is the settlement for what came of it. What the end cut off goes back at once.
func (l *listener) hand(ctx context.Context, e *event.Event, receipt string, attempt, replays int) settlement {
	trial := l.try(ctx, e, attempt, replays)
	said := settlement{Receipt: receipt, Outcome: "retry", Answer: answerOf(trial)}
	switch {
	case trial.Delivered:
		said.Outcome = "ack"
	case ctx.Err() != nil:
		said.After = "0s"
	case trial.Refused:
		said.Outcome = "dead"
	case trial.RetryAfter > 0:
		said.After = trial.RetryAfter.String()
	}
	return said
}

// answerOf is what the server said beside the status; nil for nothing. Settlements have no form for what is compressed.
func answerOf(trial dispatch.Trial) *said {
	if trial.Answer == nil || trial.Answer.ContentEncoding != "" {
		return nil
	}
	return &said{ContentType: trial.Answer.ContentType, Body: trial.Answer.Body}
}

func (l *listener) timeout() time.Duration {
	if l.Timeout > 0 {
		return l.Timeout
	}
	return 10 * time.Second
}

// post sends a document to the bot's path and reads the answer into another one.
func (l *listener) post(ctx context.Context, path string, document, into any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.address("/v1/bots/"+l.Bot+"/"+path, nil), bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	return l.do(request, into)
}
