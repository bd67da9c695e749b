package dispatch

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

func BenchmarkHeader(b *testing.B) {
	target, err := newTarget(bots.Bot{URL: "http://bot", Secrets: []string{secretOf("one")}})
	require.NoError(b, err)
	e := benchEvent()
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		target.header(b.Context(), e, 0, now)
	}
}

// BenchmarkDeliver compares a delivery, settled and told, with a bare POST of the same body.
func BenchmarkDeliver(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	b.Cleanup(server.Close)
	d, err := New(Config{Queue: nowhere{}, Bots: bots.Set{"demo": {URL: server.URL, AllowPrivate: true, Secrets: []string{secretOf("one")}}}})
	require.NoError(b, err)
	b.Cleanup(d.clients.closeIdle)
	e := benchEvent()
	run := &session{
		Dispatcher: d, consumer: nowhere{}, outlet: newOutlet(nowhere{}.Ready),
		outcomes: &outcomes{publish: nowhere{}.Publish, ack: nowhere{}.Ack},
		starting: b.Context(), attempts: b.Context(), settling: b.Context(),
	}

	b.Run("dispatch", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := run.handle(&queue.Delivery{Event: e, Attempt: 1}); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("bare", func(b *testing.B) {
		bare := http.Client{Transport: d.clients.private}
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				resp, err := bare.Post(server.URL, "application/json", bytes.NewReader(e.Data))
				if err != nil {
					b.Error(err)
					continue
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	})
}

func benchEvent() *event.Event {
	e := newEvent("0198c0de-0000-7000-8000-000000000001")
	e.Data = bytes.Repeat([]byte("x"), 600)
	return e
}

// nowhere is a queue and a consumer that take everything at once.
type nowhere struct{ queue.Consumer }

func (nowhere) Ready(context.Context) error                                { return nil }
func (nowhere) Publish(context.Context, ...*event.Event) error             { return nil }
func (nowhere) PublishTo(context.Context, queue.Group, *event.Event) error { return nil }
func (nowhere) Ack(context.Context, ...*queue.Delivery) error              { return nil }

func (nowhere) Subscribe(context.Context, queue.Group, queue.SubscribeOptions) (queue.Consumer, error) {
	return nowhere{}, nil
}
