package bench

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// outstandingMost is how many events may be on their way through Botgate in a run as fast as it goes, so that what
	// is measured is what it keeps up.
	outstandingMost = 1000
	// lookEvery is how often what was recorded is looked at.
	lookEvery = 100 * time.Millisecond
)

// window is what happened while it was measured.
type window struct {
	took time.Duration
	// accepted, delivered and entries are how many events were answered 202 and had by the bot, and what was recorded.
	accepted, delivered, entries float64
	// used is processor time in seconds by part, foreign that of others.
	used    map[string]float64
	foreign float64
	busy    float64 // The share of all processors that did something.
	p99     time.Duration
	backlog float64 // By how many events what waits has grown.
	atOnce  float64 // The mean of the requests to bots under way.
	ids     []sent
}

// sent is an event that was accepted, with the token of its user.
type sent struct{ id, token string }

// completed is how many events a second went all the way.
func (w window) completed() float64 {
	return min(w.delivered, w.entries/2) / w.took.Seconds()
}

// sending sends commands of one size.
type sending struct {
	*stack
	body   []byte
	client *http.Client

	accepted, failed atomic.Int64
	recordedEvents   atomic.Int64
	measuring        atomic.Bool

	mu     sync.Mutex
	took   []time.Duration
	ids    []sent
	atOnce []float64
}

// run sends commands of so many bytes: rate a second, or as fast as they go through for a rate of 0. It measures for a
// time after it has warmed up.
func (s *stack) run(size int, rate float64, warm, measured time.Duration) window {
	c := &sending{
		stack: s, body: bodyOf(size),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}, Timeout: startTimeout},
	}
	defer c.client.CloseIdleConnections()
	before, err := s.recorded()
	require.NoError(s.t, err)
	deliveredBefore := s.delivered.Load()
	var senders, watcher sync.WaitGroup
	end := time.Now().Add(warm + measured)
	stop := make(chan struct{})
	watcher.Go(func() { c.watch(stop, before) })
	began := time.Now()
	var next atomic.Int64
	for range connections {
		senders.Go(func() {
			for time.Now().Before(end) {
				n := next.Add(1) - 1
				due := time.Now()
				if rate > 0 {
					due = began.Add(time.Duration(float64(n) / rate * float64(time.Second)))
					<-time.After(time.Until(due))
				} else {
					c.awaitRoom(end, deliveredBefore)
				}
				c.send(int(n), due)
			}
		})
	}
	<-time.After(time.Until(began.Add(warm)))
	w := c.measure(measured)
	senders.Wait()
	close(stop)
	watcher.Wait()
	require.Zero(s.t, c.failed.Load(), "commands that were not accepted")
	s.drain(before, deliveredBefore, c.accepted.Load())
	return w
}

// drain waits until all that was accepted is through.
func (s *stack) drain(recorded float64, delivered, accepted int64) {
	require.Eventually(s.t, func() bool {
		now, err := s.recorded()
		return err == nil && s.delivered.Load()-delivered >= accepted && now-recorded >= float64(2*accepted)
	}, 5*time.Minute, lookEvery)
}

// measure looks at everything before and after a time.
func (c *sending) measure(measured time.Duration) window {
	type reading struct {
		at                           time.Time
		used                         map[string]float64
		busy, all                    float64
		accepted, delivered, entries float64
	}
	read := func() (r reading) {
		var err error
		r.entries, err = c.recorded()
		require.NoError(c.t, err)
		r.at, r.accepted, r.delivered = time.Now(), float64(c.accepted.Load()), float64(c.delivered.Load())
		r.used = c.used()
		r.busy, r.all = host(c.t)
		return r
	}
	from := read()
	c.measuring.Store(true)
	<-time.After(measured)
	c.measuring.Store(false)
	to := read()
	w := window{
		took: to.at.Sub(from.at), accepted: to.accepted - from.accepted, delivered: to.delivered - from.delivered,
		entries: to.entries - from.entries, used: map[string]float64{}, busy: (to.busy - from.busy) / (to.all - from.all),
	}
	w.foreign = to.busy - from.busy
	for part := range to.used {
		w.used[part] = to.used[part] - from.used[part]
		w.foreign -= w.used[part]
	}
	w.backlog = w.accepted - min(w.delivered, w.entries/2)
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.took)
	require.NotEmpty(c.t, c.took)
	w.p99, w.ids = c.took[len(c.took)*99/100], c.ids
	for _, n := range c.atOnce {
		w.atOnce += n / float64(len(c.atOnce))
	}
	return w
}

// watch follows what is recorded, and how many requests to the bot are under way.
func (c *sending) watch(stop <-chan struct{}, before float64) {
	dispatch := c.metrics
	if c.dispatch != nil {
		dispatch = c.dispatch.url + "/metrics"
	}
	for {
		if recorded, err := c.recorded(); err == nil {
			c.recordedEvents.Store(int64(recorded-before) / 2)
		}
		if n, err := metric(dispatch, "botgate_dispatch_in_flight"); err == nil && c.measuring.Load() {
			c.mu.Lock()
			c.atOnce = append(c.atOnce, n)
			c.mu.Unlock()
		}
		select {
		case <-stop:
			return
		case <-time.After(lookEvery):
		}
	}
}

// awaitRoom waits while too many events are on their way.
func (c *sending) awaitRoom(end time.Time, deliveredBefore int64) {
	for time.Now().Before(end) {
		through := min(c.delivered.Load()-deliveredBefore, c.recordedEvents.Load())
		if c.accepted.Load()-through < outstandingMost {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
}

// send sends a command that was due at a time.
func (c *sending) send(n int, due time.Time) {
	request, err := http.NewRequest(http.MethodPost, c.gateway.url+"/v1/bots/demo/commands", bytes.NewReader(c.body))
	if err != nil {
		c.failed.Add(1)
		return
	}
	request.Header.Set("Authorization", "Bearer "+c.gateway.tokens[n%users])
	request.Header.Set("Content-Type", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		c.failed.Add(1)
		return
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusAccepted {
		c.failed.Add(1)
		return
	}
	c.accepted.Add(1)
	if !c.measuring.Load() {
		return
	}
	var event struct{ ID string }
	_ = json.Unmarshal(answer, &event)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took, c.ids = append(c.took, time.Since(due)), append(c.ids, sent{event.ID, c.gateway.tokens[n%users]})
}

// bodyOf is a command of so many bytes that no database makes much smaller.
func bodyOf(size int) []byte {
	const around = `{"command":"/order","args":[""]}`
	raw := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(raw)
	text := base64.RawURLEncoding.EncodeToString(raw)[:max(0, size-len(around))]
	return fmt.Appendf(nil, `{"command":"/order","args":[%q]}`, text)
}

// read asks the API for events, each once, and returns what that took of each part in microseconds a read.
func (s *stack) read(ids []sent) map[string]float64 {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}, Timeout: startTimeout}
	defer client.CloseIdleConnections()
	var next, failed atomic.Int64
	var readers sync.WaitGroup
	before := s.used()
	for range connections {
		readers.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(ids); n = int(next.Add(1)) - 1 {
				if !s.readOne(client, ids[n]) {
					failed.Add(1)
				}
			}
		})
	}
	readers.Wait()
	// On a busy machine some are answered 503.
	require.Less(s.t, failed.Load(), int64(1+len(ids)/100), "reads that were not answered")
	each := map[string]float64{}
	for part, used := range s.used() {
		each[part] = (used - before[part]) * 1e6 / float64(len(ids))
	}
	return each
}

func (s *stack) readOne(client *http.Client, of sent) bool {
	request, err := http.NewRequest(http.MethodGet, s.gateway.url+"/v1/events/"+of.id, nil)
	if err != nil {
		return false
	}
	request.Header.Set("Authorization", "Bearer "+of.token)
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}
