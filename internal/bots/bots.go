// Package bots reads the bots file: which bots exist, where they are and how events
// for them are signed. The gateway takes the names from it, the backend all of it.
package bots

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// maxPause bounds every pause and timeout of the file: nobody means to wait longer, and the
	// arithmetic of delays stays far from its limits.
	maxPause = 24 * time.Hour
	// maxAge bounds the ages: large bodies are not kept for longer.
	maxAge = 30 * 24 * time.Hour
)

// Bot is one bot of the bots file. [Load] and [Bot.WithDefaults] set the defaults.
type Bot struct {
	// Name is the bot's name in URLs and events.
	Name string
	// URL is where its events are POSTed; empty for a bot that pulls.
	URL string
	// Pull has the bot ask for its events, in the place of URL. Secrets are not needed then.
	Pull bool
	// AllowPrivate lets URL lead to addresses that are not public, such as those of loopback, a private
	// network or a cloud's metadata: see [outbound.ScopeOf]. Default false.
	AllowPrivate bool
	// Secrets sign what is sent to the bot, in the form "whsec_<base64>" of Standard
	// Webhooks; with several, each request carries a signature of each.
	Secrets []string
	// Timeout bounds one attempt. Default 10s.
	Timeout time.Duration
	// GiveUpAfter is how old an event is, at the end of an attempt that failed, when it is dead;
	// counted from its acceptance or its replay. Default 72h.
	GiveUpAfter time.Duration
	// MaxAttempts is after how many attempts an event is dead. Default 0, however many.
	MaxAttempts int
	// MinBackoff is the ceiling of the delay after the first failed attempt; it doubles
	// with each further one. Delays are random up to the ceiling. Default 1s.
	MinBackoff time.Duration
	// MaxBackoff is where the ceiling stops growing. Default 10m.
	MaxBackoff time.Duration
	// MaxRetryAfter bounds what the bot can ask for by Retry-After. Default 1h.
	MaxRetryAfter time.Duration
	// ExpireAfter is how old an event may be when an attempt begins; what is older is not
	// delivered any more, unless somebody replayed it. Default 0, however old.
	ExpireAfter time.Duration
	// OnDead says what becomes of an event that would be dead. Default [OnDeadSkip].
	OnDead OnDead
	// KeepAnswers says which answers of the bot are kept with the attempts. Default [KeepOff].
	KeepAnswers KeepAnswers
	// Answers says for whom the bot's answers are. Default [AnswersOff].
	Answers Answers
	// ForwardHeaders are the names of headers of a platform's requests that its deliveries have, too, in the form of
	// [http.CanonicalHeaderKey]. Default none.
	ForwardHeaders []string
	// Queues is over how many queues of RabbitMQ its events are spread, by their order keys, at
	// most [queue.MaxBotQueues]. Default 1.
	Queues int
	// Bulk has what is sent as bulk wait while the bot has others. Default false: it waits for nothing.
	Bulk bool
	// Schedules have the bot get events by the clock. Default none.
	Schedules []Schedule

	// Paused has what is for the bot wait, as somebody asked for. It is no setting of the bots file, and neither is
	// ResumedAt, when the last pause ended: the time of GiveUpAfter begins no earlier. Zero for never.
	Paused    bool
	ResumedAt time.Time
}

// KeepAnswers says which answers of a bot are kept.
type KeepAnswers string

// The values of [Bot.KeepAnswers].
const (
	KeepOff KeepAnswers = "off"
	// KeepFailed keeps those that do not take the event.
	KeepFailed KeepAnswers = "failed"
	KeepAll    KeepAnswers = "all"
)

// OnDead says what becomes of an event that would be dead.
type OnDead string

// The values of [Bot.OnDead].
const (
	// OnDeadSkip makes it dead, and later events of its order key go on.
	OnDeadSkip OnDead = "skip"
	// OnDeadHold has it tried again at MaxBackoff for as long as it takes, or until somebody gives it up.
	// Later events of its order key wait.
	OnDeadHold OnDead = "hold"
)

// WithDefaults returns the bot with the defaults of what is zero. Where only one of the backoffs
// is set, the default of the other gives way to it.
func (b Bot) WithDefaults() Bot {
	b.Timeout = cmp.Or(b.Timeout, 10*time.Second)
	b.GiveUpAfter = cmp.Or(b.GiveUpAfter, 72*time.Hour)
	b.MaxRetryAfter = cmp.Or(b.MaxRetryAfter, time.Hour)
	minBackoff, maxBackoff := time.Second, 10*time.Minute
	b.Queues = cmp.Or(b.Queues, 1)
	b.OnDead = cmp.Or(b.OnDead, OnDeadSkip)
	b.KeepAnswers = cmp.Or(b.KeepAnswers, KeepOff)
	b.Answers = cmp.Or(b.Answers, AnswersOff)
	if b.MaxBackoff > 0 {
		minBackoff = min(minBackoff, b.MaxBackoff)
	}
	b.MinBackoff = cmp.Or(b.MinBackoff, minBackoff)
	b.MaxBackoff = cmp.Or(b.MaxBackoff, max(maxBackoff, b.MinBackoff))
	return b
}

// Set holds the bots by name.
type Set map[string]Bot

// Names returns the names in alphabetical order.
func (s Set) Names() []string { return slices.Sorted(maps.Keys(s)) }

// entry is a bot in the file's own form.
type entry struct {
	URL           string   `json:"url"`
	Pull          bool     `json:"pull"`
	AllowPrivate  bool     `json:"allow_private"`
	SecretFiles   []string `json:"secret_files"`
	SecretEnvs    []string `json:"secret_envs"`
	Timeout       string   `json:"timeout"`
	GiveUpAfter   string   `json:"give_up_after"`
	MaxAttempts   int      `json:"max_attempts"`
	MinBackoff    string   `json:"min_backoff"`
	MaxBackoff    string   `json:"max_backoff"`
	MaxRetryAfter string   `json:"max_retry_after"`
	ExpireAfter   string   `json:"expire_after"`
	OnDead        string   `json:"on_dead"`
	KeepAnswers   string   `json:"keep_answers"`
	Answers       string   `json:"answers"`
	Queues        int      `json:"queues"`
	Bulk          bool     `json:"bulk"`

	ForwardHeaders []string        `json:"forward_headers"`
	Schedules      []scheduleEntry `json:"schedules"`
}

// Load reads the bots file at path:
//
//	{"bots": {"demo": {"url": "https://bot.example/events", "allow_private": false, "secret_files": ["demo.secret"],
//	  "timeout": "10s", "give_up_after": "72h", "max_attempts": 100, "min_backoff": "1s",
//	  "max_backoff": "10m", "max_retry_after": "1h", "expire_after": "1h",
//	  "on_dead": "skip", "keep_answers": "off", "answers": "off", "forward_headers": ["X-Hub-Signature-256"], "queues": 1, "bulk": false,
//	  "schedules": [{"name": "morning", "cron": "0 9 * * 1-5", "tz": "Europe/Berlin", "type": "tick", "data": {}}]}}}
//
// Secret files are relative to the bots file; "secret_envs" names environment
// variables instead. A bot without a secret is an error: unsigned events cannot be told from forged ones. One that pulls,
// {"pull": true}, has neither url nor need of a secret.
func Load(path string) (Set, error) {
	entries, err := readFile(path)
	if err != nil {
		return nil, err
	}
	set := Set{}
	for name, e := range entries {
		bot, err := e.bot(name, filepath.Dir(path))
		if err != nil {
			return nil, fmt.Errorf("bots file %s: bot %q: %w", path, name, err)
		}
		set[name] = bot
	}
	return set, nil
}

func readFile(path string) (map[string]entry, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the bots file: %w", err)
	}
	return parse(path, raw)
}

// parse reads the text of the file at path.
func parse(path string, raw []byte) (map[string]entry, error) {
	var file struct {
		Bots map[string]entry `json:"bots"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return nil, fmt.Errorf("bots file %s: %w", path, err)
	}
	if len(file.Bots) == 0 {
		return nil, fmt.Errorf("bots file %s: it names no bots", path)
	}
	for name, e := range file.Bots {
		if !event.ValidBot(name) {
			return nil, fmt.Errorf("bots file %s: bot name %q: only letters, digits, '-' and '_', at most 64", path, name)
		}
		if e.Queues < 0 || e.Queues > queue.MaxBotQueues {
			return nil, fmt.Errorf("bots file %s: bot %q: queues: must be at most %d", path, name, queue.MaxBotQueues)
		}
	}
	return file.Bots, nil
}

func (e entry) bot(name, dir string) (Bot, error) {
	b, err := e.settings(name)
	if err == nil {
		b.Secrets, err = e.secrets(dir)
	}
	return b.WithDefaults(), err
}

// settings are all but the secrets.
func (e entry) settings(name string) (Bot, error) {
	b := Bot{Name: name, URL: e.URL, Pull: e.Pull, AllowPrivate: e.AllowPrivate, Queues: e.Queues, Bulk: e.Bulk}
	err := e.checkAddress()
	if err != nil {
		return b, err
	}
	if err := e.retries(&b); err != nil {
		return b, err
	}
	if b.OnDead, err = oneOf("on_dead", e.OnDead, OnDeadSkip, OnDeadHold); err != nil {
		return b, err
	}
	if b.KeepAnswers, err = oneOf("keep_answers", e.KeepAnswers, KeepOff, KeepFailed, KeepAll); err != nil {
		return b, err
	}
	if b.Answers, err = e.answersFor(); err != nil {
		return b, err
	}
	if b.ForwardHeaders, err = forwardHeaders(e.ForwardHeaders); err != nil {
		return b, err
	}
	b.Schedules, err = readSchedules(e.Schedules)
	return b, err
}

// retries reads how often and how soon a bot is tried.
func (e entry) retries(b *Bot) error {
	for _, d := range []struct {
		name, text string
		field      *time.Duration
		most       time.Duration
	}{
		{"timeout", e.Timeout, &b.Timeout, maxPause},
		{"give_up_after", e.GiveUpAfter, &b.GiveUpAfter, maxAge},
		{"min_backoff", e.MinBackoff, &b.MinBackoff, maxPause},
		{"max_backoff", e.MaxBackoff, &b.MaxBackoff, maxPause},
		{"max_retry_after", e.MaxRetryAfter, &b.MaxRetryAfter, maxPause},
		{"expire_after", e.ExpireAfter, &b.ExpireAfter, maxAge},
	} {
		if d.text == "" {
			continue
		}
		value, err := time.ParseDuration(d.text)
		if err != nil || value <= 0 || value > d.most {
			return fmt.Errorf("%s: %q is not a duration like 10s, of at most %s", d.name, d.text, d.most)
		}
		*d.field = value
	}
	if b.MaxAttempts = e.MaxAttempts; b.MaxAttempts < 0 {
		return errors.New("max_attempts: must not be negative")
	}
	if b.MaxBackoff > 0 && b.MinBackoff > b.MaxBackoff {
		return fmt.Errorf("min_backoff: %s is more than max_backoff, %s", e.MinBackoff, e.MaxBackoff)
	}
	return nil
}

// oneOf reads a field that is one of a few words, or empty for its default.
func oneOf[T ~string](name, text string, words ...T) (T, error) {
	word := T(text)
	if text != "" && !slices.Contains(words, word) {
		return "", fmt.Errorf("%s: %q is none of %v", name, text, words)
	}
	return word, nil
}
