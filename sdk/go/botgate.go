// Package botgate is what a bot behind Botgate needs: check who sent a delivery, or ask for it, read it, act on it once.
// It has no dependencies.
//
//	handler, err := botgate.NewHandler(botgate.Config{
//		Secrets: []string{os.Getenv("BOT_SECRET")},
//		Handle:  func(ctx context.Context, event *botgate.Event) (*botgate.Answer, error) { … },
//	})
//	http.Handle("POST /events", handler)
//
// A bot without a public address asks for its events with [Receive].
package botgate

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// Tolerance is how far a timestamp may be off.
	Tolerance     = 5 * time.Minute
	maxSignatures = 16
)

// Refused is a delivery that is not taken.
type Refused struct {
	// Status is what Botgate gets. It tries again after 401, 409, 429 and 5xx; 410 and 422 make the event a dead letter.
	Status int
	Reason string
}

func (r *Refused) Error() string { return r.Reason }

// Event is an event of the bot.
type Event struct {
	// Key is one for an event and each replay of it: what was handled is known by it.
	Key string
	// ID, Type, Source and Subject are attributes of CloudEvents. Subject is the user, or empty.
	ID, Type, Source, Subject string
	// Time is when the event was accepted.
	Time time.Time
	// Replay is the number of the replay. Above 0 somebody wants the event to be handled again.
	Replay int
	// Attempt counts from 1, of events that [Receive] gets; else 0.
	Attempt int
	// ReplyBy is until when a platform's request waits for the answer; zero where none does.
	ReplyBy time.Time
	// ContentType and Body are what the sender sent.
	ContentType string
	Body        []byte

	progress func(percent int)
}

// Progress says how many percent of the work are done, of an event that [Receive] got. Botgate shows that.
func (e *Event) Progress(percent int) {
	if e.progress != nil {
		e.progress(min(max(percent, 1), 100))
	}
}

// Answer is what a bot says to an event.
type Answer struct {
	ContentType string `json:"content_type,omitempty"`
	Body        []byte `json:"body_base64"`
}

// Data reads the body into v: a form where v is a [*url.Values], else JSON.
func (e *Event) Data(v any) (err error) {
	form, ok := v.(*url.Values)
	if !ok {
		return json.Unmarshal(e.Body, v)
	}
	*form, err = url.ParseQuery(string(e.Body))
	return err
}

// Verify returns the event of a delivery that one of the secrets signed, else a [*Refused]. It fails with another
// error where a secret is none.
func Verify(body []byte, header http.Header, secrets []string, now time.Time) (*Event, error) {
	keys, err := keysOf(secrets)
	if err != nil {
		return nil, err
	}
	return verify(body, header, keys, now)
}

// A dot elsewhere could be moved between id, timestamp and body, with the same signature.
var ids = regexp.MustCompile(`^([^.]+)(?:\.r([0-9]{1,9}))?$`)

func verify(body []byte, header http.Header, secrets [][]byte, now time.Time) (*Event, error) {
	key, timestamp := header.Get("Webhook-Id"), header.Get("Webhook-Timestamp")
	parts := ids.FindStringSubmatch(key)
	if parts == nil {
		return nil, unauthorized("no webhook-id, or not one of Botgate")
	}
	seconds, err := strconv.ParseUint(timestamp, 10, 40)
	if err != nil || math.Abs(float64(now.UnixMilli())/1000-float64(seconds)) > Tolerance.Seconds() {
		return nil, unauthorized("the webhook-timestamp is more than 5 minutes off: is the clock right?")
	}
	given := strings.SplitN(header.Get("Webhook-Signature"), " ", maxSignatures)
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(key + "." + timestamp + "."))
		mac.Write(body)
		expected := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		for _, one := range given {
			if hmac.Equal(expected, []byte(one)) {
				return newEvent(body, header, parts[1], parts[2])
			}
		}
	}
	return nil, unauthorized("none of the secrets made this signature")
}

func unauthorized(reason string) error { return &Refused{http.StatusUnauthorized, reason} }

func newEvent(body []byte, header http.Header, id, replay string) (*Event, error) {
	var errs [5]error
	e := &Event{Key: header.Get("Webhook-Id"), ID: id, ContentType: header.Get("Content-Type"), Body: body}
	e.Replay, _ = strconv.Atoi(replay) // Nothing, or a few digits.
	e.Type, errs[0] = url.PathUnescape(header.Get("Ce-Type"))
	e.Source, errs[1] = url.PathUnescape(header.Get("Ce-Source"))
	e.Subject, errs[2] = url.PathUnescape(header.Get("Ce-Subject"))
	e.Time, errs[3] = time.Parse(time.RFC3339, header.Get("Ce-Time"))
	if by := header.Get("Botgate-Reply-By"); by != "" {
		e.ReplyBy, errs[4] = time.Parse(time.RFC3339, by)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("headers of a delivery: %w", err)
	}
	return e, nil
}

func keysOf(secrets []string) ([][]byte, error) {
	if len(secrets) == 0 {
		return nil, errors.New("there is no secret")
	}
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		text := strings.TrimRight(strings.TrimPrefix(strings.TrimSpace(secret), "whsec_"), "=")
		key, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil || len(key) < 24 || len(key) > 64 {
			return nil, fmt.Errorf("secret %d is not 24 to 64 bytes in base64, with or without whsec_ before it", i+1)
		}
		keys[i] = key
	}
	return keys, nil
}

// Config says what a handler does.
type Config struct {
	// Secrets are the bot's, in base64, with or without "whsec_" before it. While a secret is changed there are two.
	Secrets []string
	// Handle does the work. When it returns no error, the delivery is answered with 200 and the answer, or with 204 where
	// that is nil; a [*Refused] is answered with its status, and any other error is logged and answered with 500: Botgate
	// tries again.
	Handle func(context.Context, *Event) (*Answer, error)
	// Seen knows what was handled. Default: the last 10 000 deliveries, in memory.
	Seen Seen
	// MaxBody is the largest body, in bytes. Default: 32 MiB.
	MaxBody int64
}

// Seen remembers keys of events. Several processes of a bot share one.
type Seen interface {
	// Has says whether the key was added.
	Has(ctx context.Context, key string) (bool, error)
	// Add is called when the event was handled.
	Add(ctx context.Context, key string) error
}

// NewHandler returns a handler of deliveries. It fails where a secret is none, or there is no work to do.
func NewHandler(config Config) (http.Handler, error) {
	keys, err := keysOf(config.Secrets)
	if err != nil {
		return nil, err
	}
	if config.Handle == nil {
		return nil, errors.New("there is no Handle")
	}
	if config.Seen == nil {
		config.Seen = &recent{keys: map[string]bool{}}
	}
	if config.MaxBody == 0 {
		config.MaxBody = 32 << 20
	}
	return &handler{Config: config, keys: keys}, nil
}

type handler struct {
	Config
	keys    [][]byte
	running sync.Map
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := h.take(w, r)
	var refused *Refused
	switch {
	case err == nil && answer == nil:
		w.WriteHeader(http.StatusNoContent)
	case err == nil:
		w.Header().Set("Content-Type", answer.ContentType)
		_, _ = w.Write(answer.Body) // Botgate may be gone: then it sends the delivery again.
	case errors.As(err, &refused):
		http.Error(w, refused.Reason, refused.Status)
	default:
		slog.ErrorContext(r.Context(), "the bot failed", "error", err)
		http.Error(w, "the bot failed", http.StatusInternalServerError)
	}
}

func (h *handler) take(w http.ResponseWriter, r *http.Request) (*Answer, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.MaxBody))
	if err != nil {
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			return nil, &Refused{http.StatusRequestEntityTooLarge, err.Error()}
		}
		return nil, err
	}
	event, err := verify(body, r.Header, h.keys, time.Now())
	if err != nil {
		return nil, err
	}
	// An answer that came too late is no reason to do it twice at once.
	if _, runs := h.running.LoadOrStore(event.Key, true); runs {
		return nil, &Refused{http.StatusConflict, "it is worked on"}
	}
	defer h.running.Delete(event.Key)
	return once(r.Context(), h.Seen, event, h.Handle)
}

// once has an event handled that was not yet, and returns the answer.
func once(ctx context.Context, handled Seen, event *Event, handle func(context.Context, *Event) (*Answer, error)) (*Answer, error) {
	if seen, err := handled.Has(ctx, event.Key); seen || err != nil {
		return nil, err
	}
	answer, err := handle(ctx, event)
	if err != nil {
		return nil, err
	}
	return answer, handled.Add(ctx, event.Key)
}

// recent has the last keys, in a ring.
type recent struct {
	mu   sync.Mutex
	keys map[string]bool
	ring [10_000]string
	next int
}

// Has implements [Seen].
func (r *recent) Has(_ context.Context, key string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[key], nil
}

// Add implements [Seen].
func (r *recent) Add(_ context.Context, key string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.keys, r.ring[r.next])
	r.keys[key], r.ring[r.next] = true, key
	r.next = (r.next + 1) % len(r.ring)
	return nil
}
