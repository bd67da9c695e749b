package capacity

import (
	"fmt"
	"math"
	"time"
)

// spool is what each gateway keeps while RabbitMQ is away.
func (m *model) spool() Line {
	waiting := m.Rate * m.Outage.Seconds() * float64(m.Body+spoolExtra) / float64(m.gateways)
	return Line{
		Part: "spool", Unit: size, Limit: SpoolSize, Use: waiting / SpoolSize,
		Need:    fmt.Sprintf("%s on each gateway's disk, while RabbitMQ is away for %s", bytesText(waiting), durationText(m.Outage)),
		Formula: fmt.Sprintf("max_size of %s; %.4g/s × %s × (body + %d bytes) / %d", bytesText(SpoolSize), m.Rate, durationText(m.Outage), spoolExtra, m.gateways),
		Change:  "max_size of the option spool; more gateways",
	}
}

// backlog is what each node of RabbitMQ keeps while all consumers are away.
func (m *model) backlog() Line {
	l := m.waiting("queues' disk", 2*(m.queued()+messageExtra), "max-length-bytes of the queues' policy, and the nodes' disks")
	l.Formula = fmt.Sprintf("%.4g/s × %s × 2 × (body + %d bytes) on each node", m.Rate, durationText(m.Outage), messageExtra)
	return l
}

// embeddedFile is what the embedded queue keeps while its bots are away.
func (m *model) embeddedFile() Line {
	l := m.waiting("queue's file", m.queued()+fileExtra, "max_size of the option queue; a larger disk")
	l.Formula = fmt.Sprintf("%.4g/s × %s × (body + %d bytes)", m.Rate, durationText(m.Outage), fileExtra)
	return l
}

// waiting is the line of what waits while nothing is consumed, and how long it takes to catch up.
func (m *model) waiting(part string, each float64, change string) Line {
	waits := m.Rate * m.Outage.Seconds()
	need := fmt.Sprintf("%s: %.0f events, while consumers are away for %s; %s", bytesText(waits*each), waits, durationText(m.Outage), m.catchUp(waits))
	if m.Disk > 0 {
		need += "; full after " + secondsText(m.Disk/(m.Rate*each))
	}
	l := Line{Part: part, Unit: size, Limit: m.Disk, Need: need, Change: change + ", and --disk here"}
	if m.Disk > 0 {
		l.Use = waits * each / m.Disk
	}
	return l
}

// catchUp says how long what waits takes while as much goes on coming.
func (m *model) catchUp(waits float64) string {
	consumed := m.consumed()
	if consumed <= m.Rate {
		return "they never catch up"
	}
	return "they catch up in " + secondsText(waits/(consumed-m.Rate))
}

// consumed is how many events a second the slowest consumer takes.
func (m *model) consumed() float64 {
	least := min(m.requests().Limit, m.busiestBot().Limit)
	switch {
	case m.Embedded:
		return min(least, m.process().Limit)
	case m.OneMachine:
		return min(least, m.machine().Limit)
	}
	return min(least, m.rabbitMQ().Limit, m.dispatch().Limit, m.record().Limit, m.database().Limit)
}

func secondsText(s float64) string {
	const century = 100 * 366 * 86_400
	return durationText(time.Duration(math.Ceil(min(s, century))) * time.Second)
}
