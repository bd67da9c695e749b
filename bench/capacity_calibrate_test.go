package bench

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/capacity"
)

const (
	// smallBody and largeBody are the sizes between which costs are taken to be a straight line.
	smallBody, largeBody = 200, 32_000
	// calibrateRounds is how often each has its turn.
	calibrateRounds = 2
	warmTime        = 2 * time.Second
	measureTime     = 8 * time.Second
)

// calibration is what was measured with both sizes, as fast as events go through.
type calibration struct {
	small, large sample
	// busy is the share of the processors that are busy then.
	busy float64
	// known are events that are recorded.
	known []sent
}

// sample is what events of one size took.
type sample struct {
	events, busy float64
	used         map[string]float64
	disk, wal    float64
}

func (s *sample) add(w window, disk, wal float64) {
	if s.used == nil {
		s.used = map[string]float64{}
	}
	// What waits at the begin and at the end is bounded, so each part has worked on as many.
	s.events += (w.accepted + w.delivered + w.entries/2) / 3
	s.busy += w.busy / calibrateRounds
	for part, used := range w.used {
		s.used[part] += used
	}
	s.disk, s.wal = s.disk+disk, s.wal+wal
}

// calibrate measures what an event costs each part, in turns.
func (s *stack) calibrate() (c calibration) {
	for range calibrateRounds {
		for _, turn := range []struct {
			size int
			to   *sample
		}{{smallBody, &c.small}, {largeBody, &c.large}} {
			disk, wal := s.stored()
			accepted := s.delivered.Load()
			w := s.run(turn.size, 0, warmTime, measureTime)
			diskAfter, walAfter := s.stored()
			// All of the run is on the disk, and not what was measured only.
			share := w.accepted / float64(s.delivered.Load()-accepted)
			turn.to.add(w, (diskAfter-disk)*share, (walAfter-wal)*share)
			c.known = append(c.known, w.ids...)
		}
	}
	c.busy = (c.small.busy + c.large.busy) / 2
	return c
}

// stored is the size of the database and what it has written to its log, in bytes.
func (s *stack) stored() (disk, wal float64) {
	s.t.Helper()
	if s.embedded {
		for _, file := range []string{"events.db", "events.db-wal"} {
			if info, err := os.Stat(filepath.Join(s.data, file)); err == nil {
				disk += float64(info.Size())
			}
		}
		return disk, 0
	}
	conn, err := pgx.Connect(s.t.Context(), s.database.URL)
	require.NoError(s.t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	require.NoError(s.t, conn.QueryRow(s.t.Context(),
		"select pg_database_size(current_database()), pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')").Scan(&disk, &wal))
	return disk, wal
}

// cost is the line through both sizes for a part, for an event that is so many of its units, and its body so many times.
func (c calibration) cost(part string, units, bodies float64) capacity.Cost {
	small, large := c.small.used[part]*1e6/c.small.events, c.large.used[part]*1e6/c.large.events
	event, each := line(small, large)
	return capacity.Cost{Event: round(event / units), Kilobyte: round(each * 1000 / bodies)}
}

func (c calibration) bytes(of func(sample) float64) capacity.Bytes {
	const entries = 2
	event, each := line(of(c.small)/c.small.events, of(c.large)/c.large.events)
	return capacity.Bytes{Entry: round(event / entries), Body: round(each)}
}

// line goes through what is measured with both sizes.
func line(small, large float64) (event, each float64) {
	each = max(0, (large-small)/(largeBody-smallBody))
	return small - each*smallBody, each
}

// servers are the costs that the model has.
func (c calibration) servers() capacity.Servers {
	return capacity.Servers{
		Gateway:    c.cost("gateway", 1, 1),
		RabbitMQ:   c.cost("rabbitmq", 3, 2), // The queues of record and of the bot, and what came of the attempt.
		Redis:      c.cost("redis", 1, 1),
		Dispatch:   c.cost("dispatch", 1, 1),
		Record:     c.cost("record", 2, 1),
		PostgreSQL: c.cost("database", 2, 1),
		API:        c.cost("api", 1, 1),
		Rows:       c.bytes(func(s sample) float64 { return s.disk }),
		WAL:        c.bytes(func(s sample) float64 { return s.wal }),
	}
}

// round keeps three digits.
func round(x float64) float64 {
	if x == 0 {
		return 0
	}
	scale := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}
