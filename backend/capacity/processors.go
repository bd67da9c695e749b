package capacity

import "fmt"

// gatewayCost is the processor time of an event in a gateway, in seconds, with the reads that come with it.
func (m *model) gatewayCost() float64 {
	return m.c.Servers.Gateway.of(1, 1, float64(m.Body)) + m.Reads/m.Rate*m.c.Servers.ReadGateway.Event/1e6
}

func (m *model) gateway() Line {
	memory := m.c.Memory.Process + unconfirmed + m.c.Memory.Connection*float64(m.Connections)/float64(m.gateways)
	return m.processors(Line{
		Part:    "gateways",
		Need:    fmt.Sprintf("%s; memory for %d connections: %s each", m.some(m.gateways), m.Connections, bytesText(memory)),
		Formula: fmt.Sprintf("%d × %s / %s for each event", m.gateways, cores(m.Cores), microseconds(m.gatewayCost())),
		Change:  "more gateways, or more cores",
	}, m.gatewayCost(), float64(m.gateways)*m.Cores)
}

// rabbitMQCost is that of an event in each node: in the queues of record and of the bot, what becomes of each attempt
// in that of record, and the history.
func (m *model) rabbitMQCost() float64 {
	cost := m.c.Servers.RabbitMQ.of(2+m.Attempts, 2, m.queued())
	if m.History {
		cost += m.c.Servers.History.of(1, 1, m.queued())
	}
	return cost
}

// rabbitMQ counts one node, since each of three has a copy of everything. A queue is one process of Erlang, so that
// more processors than were measured may be of no use.
func (m *model) rabbitMQ() Line {
	used := min(m.Cores, float64(max(1, m.c.Measured.Cores)))
	messages := m.Rate * (2 + m.Attempts)
	if m.History {
		messages += m.Rate
	}
	return m.processors(Line{
		Part:    "rabbitmq",
		Need:    fmt.Sprintf("%.0f messages/s: 3 nodes of %s, each with a copy of all", messages, cores(m.Cores)),
		Formula: fmt.Sprintf("%s / %s for each event; no more cores than were measured", cores(used), microseconds(m.rabbitMQCost())),
		Change:  "faster cores; no history; BOTGATE_BLOB_URL for bodies above 256 KB",
	}, m.rabbitMQCost(), used)
}

// redisCost is that of the limit and of the idempotency key.
func (m *model) redisCost() float64 { return m.c.Servers.Redis.Event / 1e6 }

func (m *model) redis() Line {
	return m.processors(Line{
		Part:    "redis",
		Need:    "1 core, and a replica",
		Formula: fmt.Sprintf("1 core / %s for each event", microseconds(m.redisCost())),
		Change:  "a Redis Cluster: BOTGATE_REDIS_URL=redis+cluster://…",
	}, m.redisCost(), 1)
}

func (m *model) dispatchCost() float64 {
	return m.c.Servers.Dispatch.of(m.Attempts, m.Attempts, float64(m.Body))
}

func (m *model) dispatch() Line {
	return m.processors(Line{
		Part:    "dispatch",
		Need:    m.some(m.dispatchers),
		Formula: fmt.Sprintf("%d × %s / %s for each event", m.dispatchers, cores(m.Cores), microseconds(m.dispatchCost())),
		Change:  "more processes with the role dispatch, or more cores",
	}, m.dispatchCost(), float64(m.dispatchers)*m.Cores)
}

func (m *model) recordCost() float64 {
	return m.c.Servers.Record.of(1+m.Attempts, 1, float64(m.Body))
}

func (m *model) record() Line {
	return m.processors(Line{
		Part:    "record",
		Need:    m.some(m.recorders),
		Formula: fmt.Sprintf("%d × %s / %s for each event", m.recorders, cores(m.Cores), microseconds(m.recordCost())),
		Change:  "more processes with the role record, or more cores",
	}, m.recordCost(), float64(m.recorders)*m.Cores)
}

// machine is the sum of all that share one machine.
func (m *model) machine() Line {
	cost := m.gatewayCost() + m.rabbitMQCost() + m.redisCost() + m.dispatchCost() + m.recordCost() + m.databaseCost() +
		m.c.Servers.API.Event/1e6 + m.Reads/m.Rate*m.c.Servers.Read.Event/1e6
	return m.processors(Line{
		Part:    "machine",
		Need:    "one machine of " + cores(m.Cores) + " for all programs",
		Formula: fmt.Sprintf("%s / %s for each event, in all programs", cores(m.Cores), microseconds(cost)),
		Change:  "more cores; a machine of its own for RabbitMQ, and for PostgreSQL",
	}, cost, m.Cores)
}

// process is the one that has everything. Its files have one writer each, so that more processors than were measured may
// be of no use.
func (m *model) process() Line {
	used := min(m.Cores, float64(max(1, m.c.Measured.Cores)))
	cost := m.c.Embedded.Process.of((1+m.Attempts)/2, 1, float64(m.Body)) + m.Reads/m.Rate*m.c.Embedded.Read.Event/1e6
	memory := m.c.Memory.Embedded + m.c.Memory.Connection*float64(m.Connections)
	return m.processors(Line{
		Part:    "process",
		Need:    fmt.Sprintf("1 process of %s; memory for %d connections: %s", cores(m.Cores), m.Connections, bytesText(memory)),
		Formula: fmt.Sprintf("%s / %s for each event; no more cores than were measured", cores(used), microseconds(cost)),
		Change:  "faster cores; or RabbitMQ, PostgreSQL and Redis: --engine servers",
	}, cost, used)
}

// api is bounded by requests, which the others are not.
func (m *model) api() Line {
	cost := m.c.Servers.Read.Event / 1e6
	l := Line{
		Part: "api", Unit: reads, Limit: float64(m.apis) * m.Cores / cost,
		Need:    fmt.Sprintf("%s; each holds %d requests that wait", m.some(m.apis), Held),
		Formula: fmt.Sprintf("%d × %s / %s for each read that no cache answers", m.apis, cores(m.Cores), microseconds(cost)),
		Change:  "more processes with the role api; BOTGATE_CACHE_SIZE and BOTGATE_CACHE_TTL",
	}
	l.Use = m.Reads / l.Limit
	return l
}
