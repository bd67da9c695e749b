package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/testsvc"
)

const (
	acceptCallers = 64
	acceptRound   = 8000 // Events of one round; the two take turns, round by round.
)

// BenchmarkAccept measures, with 64 callers, events per second against the least that a durable accept
// can be on this engine: a group commit of one row of the same bytes, in a table without an index. The
// ids are those of clients that send no key (fresh), which come in order, or those of all others
// (derived), which are all over an index; "indexed" sets those beside a table that has one. With
// "consumed" both groups have consumed every event before a round ends.
//
//	go test -run '^$' -bench Accept -benchtime 10x ./internal/queue/sqlite
func BenchmarkAccept(b *testing.B) {
	b.Run("fresh", func(b *testing.B) { benchAccept(b, bareSchema, freshID, false) })
	b.Run("derived", func(b *testing.B) { benchAccept(b, bareSchema, derivedID, false) })
	b.Run("indexed", func(b *testing.B) { benchAccept(b, bareIndexed, derivedID, false) })
	b.Run("consumed", func(b *testing.B) { benchAccept(b, bareSchema, derivedID, true) })
}

func freshID(int64) string {
	id, err := event.NewID("user")
	if err != nil {
		panic(err)
	}
	return id
}

func derivedID(n int64) string {
	return event.Identity{Bot: "bench", Sender: "sender", Key: strconv.FormatInt(n, 10)}.ID("user")
}

func benchAccept(b *testing.B, schema string, id func(int64) string, consumed bool) {
	q := openAt(b, Config{Path: filepath.Join(b.TempDir(), "queue.db")})
	insert := bareLoop(b, schema)
	var bare, ours usage
	var serial int64
	for range b.N {
		first := serial
		serial += acceptRound
		bare.add(measured(b, func() {
			together(b, func(n int64) error {
				r := benchRow
				r.id = id(first + n)
				return insert(r)
			})
		}))
		ours.add(measured(b, func() {
			done := consumers(b, q, consumed)
			together(b, func(n int64) error {
				e := benchEvent(first + n)
				e.ID = id(first + n)
				return q.Publish(context.Background(), e)
			})
			done()
		}))
	}
	events := float64(b.N) * acceptRound
	b.ReportMetric(bare.wall.Seconds()/ours.wall.Seconds(), "of-bare")
	b.ReportMetric(bare.cpu.Seconds()/ours.cpu.Seconds(), "of-bare-cpu")
	b.ReportMetric(float64(ours.cpu.Microseconds())/events, "us-cpu/event")
	b.ReportMetric(float64(bare.cpu.Microseconds())/events, "us-cpu/bare")
	b.ReportMetric(float64(ours.written)/events, "written-B/event")
	b.ReportMetric(float64(bare.written)/events, "written-B/bare")
	b.ReportMetric(events/ours.wall.Seconds(), "events/s")
}

// consumers have both groups take a round's events; what it returns waits for them.
func consumers(b *testing.B, q *Queue, wanted bool) (wait func()) {
	if !wanted {
		return func() {}
	}
	var work sync.WaitGroup
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		c, err := q.Subscribe(b.Context(), group, queue.SubscribeOptions{})
		require.NoError(b, err)
		work.Go(func() {
			consume(b, c, acceptRound)
			if err := c.Close(); err != nil {
				b.Error(err)
			}
		})
	}
	return work.Wait
}

// together has the callers share the events of a round.
func together(b *testing.B, call func(n int64) error) {
	var next atomic.Int64
	var work sync.WaitGroup
	for range acceptCallers {
		work.Go(func() {
			for n := next.Add(1); n <= acceptRound; n = next.Add(1) {
				if err := call(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
}

// usage is what something took of the machine.
type usage struct {
	wall, cpu time.Duration
	written   int64 // Bytes handed to the kernel.
}

func (u *usage) add(other usage) {
	u.wall += other.wall
	u.cpu += other.cpu
	u.written += other.written
}

func measured(b *testing.B, work func()) usage {
	begin, cpu, written := time.Now(), testsvc.OwnProcessorTime(b), processWritten(b)
	work()
	return usage{time.Since(begin), testsvc.OwnProcessorTime(b) - cpu, processWritten(b) - written}
}

// processWritten is 0 where the system does not tell.
func processWritten(b *testing.B) (n int64) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "wchar: ")
	_, err = fmt.Sscan(after, &n)
	require.NoError(b, err)
	return n
}
