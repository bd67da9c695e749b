// Package listen hands the events of a bot to a server of this machine, as a dispatch process would send them.
package listen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/botgate/botgate/backend/dispatch"
	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/retry"
)

// pauses are between two requests to a gateway that fails.
var pauses = retry.Backoff{Min: time.Second, Max: 15 * time.Second, Jitter: 0.5}

// Config is what to listen to.
type Config struct {
	// URL is the gateway, without a path. Required.
	URL string
	// Bot is whose events they are. Required.
	Bot string
	// Types are patterns of the types to have; none for all.
	Types pull.Types
	// Forward is where events are POSTed. Required.
	Forward string
	// Secret signs them, in the form of Standard Webhooks. Required.
	Secret string
	// Token returns a token for the gateway: with the scope events:pull, or with Tap events:read. Required.
	Token func() (string, error)
	// Tap copies what is accepted for the bot, which gets it as ever.
	Tap bool
	// Timeout bounds one answer of Forward. Default 10s.
	Timeout time.Duration
	// Out gets a line for each event.
	Out io.Writer
	// Again has the last event handed over once more with each value, which settles nothing. Nil for never.
	Again <-chan struct{}
}

// listener is a Config at work.
type listener struct {
	Config
	client *http.Client
	sender *dispatch.Sender

	mu   sync.Mutex // For lines, and last.
	last *handed
}

// Run hands events over until ctx ends, and returns nil then, or what can't get better by itself.
func Run(ctx context.Context, cfg Config) error {
	sender, err := dispatch.NewSender(bots.Bot{
		Name: cfg.Bot, URL: cfg.Forward, AllowPrivate: true, Secrets: []string{cfg.Secret}, Timeout: cfg.Timeout,
		KeepAnswers: bots.KeepAll, Answers: bots.AnswersPlatform, // The gateway does with them what the bot's settings say.
	}, 0)
	if err != nil {
		return fmt.Errorf("option --forward: %w", err)
	}
	defer sender.Close()
	l := &listener{Config: cfg, client: &http.Client{Timeout: pull.MaxWait}, sender: sender}
	ctx, stop := context.WithCancel(ctx)
	var repeating sync.WaitGroup
	repeating.Go(func() { l.repeat(ctx) })
	defer repeating.Wait()
	defer stop()
	return l.run(ctx)
}

// run hands events over until ctx ends, or fails for good.
func (l *listener) run(ctx context.Context) error {
	once := l.receive
	if l.Tap {
		l.client.Timeout = 0 // A stream has no end.
		once = l.follow
	}
	for failures := 0; ctx.Err() == nil; {
		err := once(ctx)
		refused := (*refusal)(nil)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			failures = 0
			continue
		case errors.As(err, &refused) && refused.isFinal():
			return err
		default:
			failures++
			l.print("%s; trying again", err)
			retry.Sleep(ctx, pauses.Delay(failures))
		}
	}
	return nil
}

// try hands an event over and says what came of it.
func (l *listener) try(ctx context.Context, e *event.Event, attempt, replays int) dispatch.Trial {
	l.keepLast(e, replays)
	began := time.Now()
	trial := l.sender.Try(ctx, e, replays)
	said := fmt.Sprint(trial.Status)
	if trial.Status == 0 {
		said = trial.Reason
	}
	again := ""
	if attempt > 1 {
		again = fmt.Sprintf(", attempt %d", attempt)
	}
	l.print("%s %s %s%s: %s in %d ms", e.Type, e.ID, e.OrderKey, again, said, time.Since(began).Milliseconds())
	return trial
}

func (l *listener) print(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintln(l.Out, time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// address is that of the gateway for a path.
func (l *listener) address(path string, query url.Values) string {
	return l.URL + path + "?" + query.Encode()
}
