package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

const (
	// endToEndRate is how many commands a second are sent.
	endToEndRate = 500
	// readEvery is how many commands there are for each that is read back.
	readEvery = 10
	// readPause is the time between two attempts to read one, and so how exact that is.
	readPause = time.Millisecond
	// exampleBot is the address of the bot in the bots file that "botgate init" makes.
	exampleBot = "http://127.0.0.1:9090/events"
)

// BenchmarkEndToEnd sends b.N commands at 500 a second to a gateway with all roles in its process, and measures from
// the answer 202: until the bot, which answers at once, has the request, and until GET /v1/events/{id} knows the event.
// What was there before the answer took no time. The load and the bot share the machine:
//
//	go run ./internal/testsvc/withsvc -- go test -run - -bench EndToEnd -benchtime 15000x ./bench
func BenchmarkEndToEnd(b *testing.B) {
	binary := buildGateway(b)
	b.Run("RabbitMQ+PostgreSQL+Redis", func(b *testing.B) {
		endToEnd(b, binary, "BOTGATE_QUEUE_URL="+testsvc.StartRabbitMQ(b).URL,
			"BOTGATE_DATABASE_URL="+testsvc.StartDurablePostgres(b).URL, "BOTGATE_REDIS_URL="+testsvc.Redis(b))
	})
	b.Run("Embedded", func(b *testing.B) { endToEnd(b, binary) })
}

// journeys are those of all commands of one run.
type journeys struct {
	gateway *gateway
	client  *http.Client
	body    []byte
	arrived sync.Map // When the bot had an event, by its id.
	failed  atomic.Int64

	mu                 sync.Mutex
	accepted           map[string]time.Time // By the event's id.
	answered, readable []time.Duration
}

func endToEnd(b *testing.B, binary string, env ...string) {
	j := &journeys{
		client:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}, Timeout: startTimeout},
		body:     []byte(`{"command":"/order","args":["` + strings.Repeat("x", bodySize) + `"]}`),
		accepted: map[string]time.Time{},
	}
	defer j.client.CloseIdleConnections()
	bot := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		j.arrived.LoadOrStore(r.Header.Get("Ce-Id"), time.Now())
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer bot.Close()
	api, _ := freePort(b)
	j.gateway = startGatewayWith(b, binary, func(data string) {
		replaceInBotsFile(b, data, bot.URL)
	}, append(env, "BOTGATE_API_LISTEN="+api)...)
	b.ResetTimer()
	began := time.Now()
	j.sendAll(b.N, began)
	took := time.Since(began)
	b.StopTimer()
	require.Zero(b, j.failed.Load())
	j.report(b, took)
}

// sendAll sends commands at their times, and reads some of them back.
func (j *journeys) sendAll(n int, began time.Time) {
	var next atomic.Int64
	var senders sync.WaitGroup
	for range connections {
		senders.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				<-time.After(time.Until(began.Add(time.Duration(i) * time.Second / endToEndRate)))
				token := j.gateway.tokens[i%users]
				if id, ok := j.command(token); !ok || i%readEvery == 0 && !j.read(token, id) {
					j.failed.Add(1)
				}
			}
		})
	}
	senders.Wait()
}

// command sends a command and returns the id of its event.
func (j *journeys) command(token string) (id string, ok bool) {
	began := time.Now()
	status, answer := j.do(http.MethodPost, "/v1/bots/demo/commands", token, j.body)
	at := time.Now()
	var accepted struct{ ID string }
	if err := json.Unmarshal(answer, &accepted); status != http.StatusAccepted || err != nil {
		return "", false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.accepted[accepted.ID] = at
	j.answered = append(j.answered, at.Sub(began))
	return accepted.ID, true
}

// read asks for an event until it is there.
func (j *journeys) read(token, id string) bool {
	began := time.Now()
	for status := 0; status != http.StatusOK; {
		if time.Since(began) > startTimeout {
			return false
		}
		if status, _ = j.do(http.MethodGet, "/v1/events/"+id, token, nil); status != http.StatusOK {
			<-time.After(readPause)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.readable = append(j.readable, time.Since(began))
	return true
}

// do makes a request; the status is 0 when there was no answer.
func (j *journeys) do(method, path, token string, body []byte) (status int, answer []byte) {
	request, err := http.NewRequest(method, j.gateway.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := j.client.Do(request)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = response.Body.Close() }()
	if answer, err = io.ReadAll(response.Body); err != nil {
		return 0, nil
	}
	return response.StatusCode, answer
}

// report waits until the bot has all events.
func (j *journeys) report(b *testing.B, took time.Duration) {
	delivered := make([]time.Duration, 0, len(j.accepted))
	for id, at := range j.accepted {
		var arrived any
		require.Eventually(b, func() (ok bool) {
			arrived, ok = j.arrived.Load(id)
			return ok
		}, time.Minute, time.Millisecond)
		delivered = append(delivered, max(0, arrived.(time.Time).Sub(at)))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(b.N)/took.Seconds(), "events/s")
	for name, all := range map[string][]time.Duration{
		"answered": j.answered, "delivered": delivered, "readable": j.readable,
	} {
		slices.Sort(all)
		for _, p := range []int{50, 99} {
			b.ReportMetric(all[len(all)*p/100].Seconds()*1000, fmt.Sprintf("%s-p%d-ms", name, p))
		}
	}
}
