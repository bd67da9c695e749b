package listen

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/event"
)

const (
	// maxLine bounds a line of the stream, which has no bodies.
	maxLine = 1 << 20
	// silence is how long a stream may say nothing: it has a heartbeat every 15 s.
	silence = time.Minute
	// fetchTimeout bounds the look at one event.
	fetchTimeout = 30 * time.Second
)

var errEnded = errors.New("the stream ended")

// follow hands over copies of what is accepted for the bot, one after another, until the stream ends. What came while
// it was away is left out.
func (l *listener) follow(ctx context.Context) error {
	listening, cancel := context.WithCancel(ctx)
	defer cancel()
	ending := time.AfterFunc(silence, cancel) // A connection may be gone without a word.
	defer ending.Stop()
	query := url.Values{"bot": {l.Bot}, "status": {string(event.StatusAccepted)}}
	request, err := http.NewRequestWithContext(listening, http.MethodGet, l.address("/v1/events/stream", query), nil)
	if err != nil {
		return err
	}
	response, err := l.send(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		ending.Stop()
		l.copy(ctx, lines.Text())
		ending.Reset(silence)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errEnded
}

// copy hands over the event that a line of the stream is about, if it is about one.
func (l *listener) copy(ctx context.Context, line string) {
	data, isData := strings.CutPrefix(line, "data:")
	var news struct{ ID, Type string }
	if !isData || json.Unmarshal([]byte(data), &news) != nil || news.ID == "" || !l.Types.Match(news.Type) {
		return
	}
	e, err := l.fetch(ctx, news.ID)
	if err != nil {
		l.print("%s; it is left out: %s", err, news.ID)
		return
	}
	l.try(ctx, e, 1, 0)
}

// fetch reads an event from the log.
func (l *listener) fetch(ctx context.Context, id string) (*event.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.address("/v1/events/"+url.PathEscape(id), nil), nil)
	if err != nil {
		return nil, err
	}
	var shown map[string]json.RawMessage
	if err := l.do(request, &shown); err != nil {
		return nil, err
	}
	// The log names attributes in its own way.
	for attribute, name := range map[string]string{
		"orderkey": "order_key", "verifiedby": "verified_by", "datacontenttype": "content_type", "notbefore": "not_before",
	} {
		shown[attribute] = shown[name]
	}
	shown["specversion"] = json.RawMessage(`"1.0"`)
	shown["source"], err = json.Marshal((&event.Event{Bot: l.Bot}).Source())
	if err != nil {
		return nil, err
	}
	return readEvent(shown)
}
