package capacity_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/capacity"
)

// constants are round numbers to reckon with.
func constants() capacity.Constants {
	return capacity.Constants{
		Measured: capacity.Measured{Date: "2026-01-01", Commit: "abc", Machine: "some", Cores: 4},
		Servers: capacity.Servers{
			Gateway:  capacity.Cost{Event: 100, Kilobyte: 10},
			RabbitMQ: capacity.Cost{Event: 50, Kilobyte: 5}, History: capacity.Cost{Event: 40, Kilobyte: 10},
			Redis: capacity.Cost{Event: 20}, Dispatch: capacity.Cost{Event: 200, Kilobyte: 20},
			Record: capacity.Cost{Event: 25, Kilobyte: 10}, PostgreSQL: capacity.Cost{Event: 40, Kilobyte: 20},
			API:  capacity.Cost{Event: 10},
			Read: capacity.Cost{Event: 500}, ReadGateway: capacity.Cost{Event: 50}, ReadPostgreSQL: capacity.Cost{Event: 100},
			Rows: capacity.Bytes{Entry: 500, Body: 1.5}, WAL: capacity.Bytes{Entry: 1000, Body: 2},
		},
		Embedded: capacity.Embedded{
			Process: capacity.Cost{Event: 400, Kilobyte: 50}, Read: capacity.Cost{Event: 300}, Rows: capacity.Bytes{Entry: 400, Body: 1},
		},
		Memory: capacity.Memory{Process: 100e6, Embedded: 200e6, Connection: 20_000},
	}
}

// load is 1000 events a second of 2000 bytes, 1.5 attempts of 40 ms, ten bots.
func load(change func(*capacity.Load)) capacity.Load {
	l := capacity.DefaultLoad()
	l.Rate, l.Body, l.Attempts, l.AnswerTime, l.Bots = 1000, 2000, 1.5, 40*time.Millisecond, 10
	if change != nil {
		change(&l)
	}
	return l
}

func TestLimits(t *testing.T) {
	t.Parallel()
	oneMachine := func(l *capacity.Load) { l.OneMachine = true }
	embedded := func(l *capacity.Load) { l.Embedded = true }
	for name, test := range map[string]struct {
		change func(*capacity.Load)
		part   string
		limit  float64
		unit   string
		use    float64
	}{
		// 120 µs an event: 0.06 of 2 cores, so one gateway, and one more: 4 cores / 120 µs.
		"gateways": {nil, "gateways", 33_333, "events/s", 0.03},
		// 1000 × 120 µs + 2000 × 50 µs of reads.
		"gateways that read": {func(l *capacity.Load) { l.Reads = 2000 }, "gateways", 18_182, "events/s", 0.055},
		"gateways as given":  {func(l *capacity.Load) { l.Gateways, l.Cores = 1, 0.5 }, "gateways", 4_167, "events/s", 0.24},
		// 20 000 × 120 µs = 2.4 processors, of which 1.2 of two cores are planned with: 2, and one more.
		"many gateways": {func(l *capacity.Load) { l.Rate = 20_000 }, "gateways", 50_000, "events/s", 0.4},
		// 3.5 messages of 50 µs and 2 bodies of 2 × 5 µs are 195 µs.
		"rabbitmq":              {nil, "rabbitmq", 10_256, "events/s", 0.0975},
		"rabbitmq with history": {func(l *capacity.Load) { l.History = true }, "rabbitmq", 7_843, "events/s", 0.1275},
		"rabbitmq of 16 cores":  {func(l *capacity.Load) { l.Cores = 16 }, "rabbitmq", 20_513, "events/s", 0.04875},
		"rabbitmq beside blobs": {func(l *capacity.Load) { l.Blobs, l.Body = true, 256_001 }, "rabbitmq", 11_429, "events/s", 0.0875},
		"redis":                 {nil, "redis", 50_000, "events/s", 0.02},
		// 1.5 × 240 µs; 60 requests at a time are 1.56 processes at 0.6 of 64: two, and one more.
		"dispatch":          {nil, "dispatch", 16_667, "events/s", 0.06},
		"requests to bots":  {nil, "requests to bots", 3_200, "events/s", 0.3125},
		"no process for it": {func(l *capacity.Load) { l.Bots, l.Dispatch = 2, 9 }, "requests to bots", 2_133, "events/s", 0.46875},
		// 16 at a time / 60 ms / a tenth.
		"busiest bot":  {nil, "busiest bot", 2_667, "events/s", 0.375},
		"half for one": {func(l *capacity.Load) { l.Busiest = 0.5 }, "busiest bot", 533.3, "events/s", 1.875},
		"its queues":   {func(l *capacity.Load) { l.Busiest, l.Queues, l.Dispatch = 0.5, 2, 2 }, "busiest bot", 1_067, "events/s", 0.9375},
		"one bot":      {func(l *capacity.Load) { l.Bots = 1 }, "busiest bot", 1_067, "events/s", 0.9375},
		// 2.5 entries of 25 µs and 20 µs for the body are 82.5 µs.
		"record": {nil, "record", 48_485, "events/s", 0.020625},
		// 2.5 × 40 + 2 × 20 = 140 µs.
		"database":           {nil, "database", 14_286, "events/s", 0.07},
		"database of record": {func(l *capacity.Load) { l.Cores, l.Record = 8, 1 }, "database", 14_286, "events/s", 0.07},
		// Two processes with record and two with api: 4 × 21 of 90.
		"pools": {nil, "pools", 90, "connections", 0.9333},
		// 1000/s × 60 s × 3000 bytes over two gateways.
		"spool": {func(l *capacity.Load) { l.Outage = time.Minute }, "spool", 1e9, "bytes", 0.09},
		// 1000/s × 60 s × 2 × 2700 bytes.
		"queues' disk": {func(l *capacity.Load) { l.Outage, l.Disk = time.Minute, 1e9 }, "queues' disk", 1e9, "bytes", 0.324},
		"api":          {func(l *capacity.Load) { l.Reads = 2000 }, "api", 8_000, "reads/s", 0.25},
		// 120 + 195 + 20 + 360 + 82.5 + 140 + 10 = 927.5 µs.
		"machine":            {oneMachine, "machine", 2_156, "events/s", 0.46375},
		"gateway of machine": {oneMachine, "gateways", 16_667, "events/s", 0.06},
		// 1.25 × 400 + 2 × 50 = 600 µs.
		"embedded":             {embedded, "process", 3_333, "events/s", 0.3},
		"embedded of 16 cores": {func(l *capacity.Load) { l.Embedded, l.Cores = true, 16 }, "process", 6_667, "events/s", 0.15},
		"embedded, at bot":     {embedded, "requests to bots", 1_067, "events/s", 0.9375},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := capacity.New(load(test.change), constants())
			require.NoError(t, err)
			line := find(t, plan, test.part)
			require.InEpsilon(t, test.limit, line.Limit, 0.001)
			require.InEpsilon(t, test.use, line.Use, 0.001)
			require.Equal(t, test.unit, line.Unit)
		})
	}
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change     func(*capacity.Load)
		part, need string
	}{
		"gateways": {nil, "gateways", "2 processes of 2 cores; memory for 1000 connections: 127 MB each"},
		"one core": {func(l *capacity.Load) { l.OneMachine, l.Cores = true, 1 }, "record", "1 process of 1 core"},
		// 3.5 messages an event.
		"rabbitmq": {nil, "rabbitmq", "3500 messages/s: 3 nodes of 2 cores, each with a copy of all"},
		"order":    {nil, "busiest bot", "6 requests to it at a time, in the mean; events of one order key come one at a time, 16.67/s"},
		// The busiest bot takes 2667 of 1000 events a second: 60 000 / 1667.
		"backlog": {
			func(l *capacity.Load) { l.Outage, l.Disk = time.Minute, 1e9 }, "queues' disk",
			"324 MB: 60000 events, while consumers are away for 1m; they catch up in 36s; full after 3m6s",
		},
		"never": {
			func(l *capacity.Load) { l.Busiest = 0.5 }, "queues' disk",
			"19 GB: 3600000 events, while consumers are away for 1h; they never catch up",
		},
		// 400 events a second in the mean × 86 400 × (2.5 × 500 + 1.5 × 2000), and 2.5 × 1000 + 2 × 2000.
		"rows": {
			func(l *capacity.Load) { l.Mean, l.Retention = 400, 30*24*time.Hour }, "database's disk",
			"4.4 TB, 147 GB a day; its log writes 225 GB a day",
		},
		"embedded": {func(l *capacity.Load) { l.Embedded = true }, "process", "1 process of 2 cores; memory for 1000 connections: 220 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := capacity.New(load(test.change), constants())
			require.NoError(t, err)
			require.Equal(t, test.need, find(t, plan, test.part).Need)
		})
	}
}

func find(t *testing.T, p capacity.Plan, part string) capacity.Line {
	t.Helper()
	for _, line := range p.Lines {
		if line.Part == part {
			return line
		}
	}
	require.Fail(t, "no line for "+part)
	return capacity.Line{}
}

func TestTheBottleneckIsFirst(t *testing.T) {
	t.Parallel()
	for part, change := range map[string]func(*capacity.Load){
		"busiest bot":  func(l *capacity.Load) { l.Busiest, l.Outage = 0.6, time.Minute },
		"spool":        nil,
		"queues' disk": func(l *capacity.Load) { l.Disk = 1e9 },
		"machine": func(l *capacity.Load) {
			l.OneMachine, l.Bots, l.AnswerTime, l.Outage = true, 100, time.Millisecond, time.Second
			l.MaxConnections = 1000
		},
	} {
		plan, err := capacity.New(load(change), constants())
		require.NoError(t, err)
		require.Equal(t, part, plan.Lines[0].Part)
	}
	plan, err := capacity.New(load(nil), constants())
	require.NoError(t, err)
	require.InEpsilon(t, 2_667, plan.Limit(), 0.001, "the lowest limit of those in events a second")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for start, change := range map[string]func(*capacity.Load){
		"rate must be between":        func(l *capacity.Load) { l.Rate = 0 },
		"mean must be between":        func(l *capacity.Load) { l.Mean = 1001 },
		"body must be between":        func(l *capacity.Load) { l.Body = 25_000_001 },
		"attempts must be between":    func(l *capacity.Load) { l.Attempts = 0.9 },
		"answer-time must be between": func(l *capacity.Load) { l.AnswerTime = -time.Second },
		"bots must be between":        func(l *capacity.Load) { l.Bots = 0 },
		"busiest must be between":     func(l *capacity.Load) { l.Busiest = 0.05 },
		"queues must be between":      func(l *capacity.Load) { l.Queues = 65 },
		"cores must be between":       func(l *capacity.Load) { l.Cores = 0 },
		"outage must be between":      func(l *capacity.Load) { l.Outage = 0 },
		"engine embedded is one":      func(l *capacity.Load) { l.Embedded, l.Gateways = true, 2 },
	} {
		_, err := capacity.New(load(change), constants())
		require.Error(t, err, start)
		require.True(t, strings.HasPrefix(err.Error(), start), err)
	}
}

func TestConstants(t *testing.T) {
	t.Parallel()
	c, err := capacity.Default()
	require.NoError(t, err)
	_, err = time.Parse(time.DateOnly, c.Measured.Date)
	require.NoError(t, err)
	require.NotEmpty(t, c.Measured.Commit)
	require.NotEmpty(t, c.Measured.Machine)
	for text, problem := range map[string]string{
		"":               "constants: EOF",
		"{}":             "must be positive",
		`{"surprise":1}`: "unknown field",
	} {
		_, err := capacity.Parse([]byte(text))
		require.ErrorContains(t, err, problem)
	}
}
