package capacity

import "fmt"

// underWay is how many seconds of requests to bots an event takes.
func (m *model) underWay() float64 { return m.Attempts * m.AnswerTime.Seconds() }

// requests are those to bots that all processes have under way. A queue is worked on by one process at a time, so that
// no more processes than queues are of use.
func (m *model) requests() Line {
	processes := min(m.dispatchers, m.Bots-1+m.Queues)
	atOnce := float64(processes * Concurrency)
	l := Line{
		Part: "requests to bots", Unit: events, Limit: atOnce / m.underWay(),
		Need:    fmt.Sprintf("%.0f requests at a time, in the mean", m.Rate*m.underWay()),
		Formula: fmt.Sprintf("%d × %d requests at a time / (%.4g × %s)", processes, Concurrency, m.Attempts, m.AnswerTime),
		Change:  "bots that answer sooner; more processes with the role dispatch, each of which needs a queue to work on",
	}
	if m.Embedded {
		l.Change = "bots that answer sooner, and do the work afterwards; --engine servers with several processes for dispatch"
	}
	l.Use = m.Rate / l.Limit
	return l
}

// busiestBot is what one bot gets at most.
func (m *model) busiestBot() Line {
	each := BotConcurrency
	if m.Bots == 1 {
		each = Concurrency
	}
	processes := min(m.dispatchers, m.Queues)
	l := Line{
		Part: "busiest bot", Unit: events, Limit: float64(processes*each) / m.underWay() / m.Busiest,
		Need: fmt.Sprintf("%.0f requests to it at a time, in the mean; events of one order key come one at a time, %.4g/s",
			m.Rate*m.Busiest*m.underWay(), 1/m.underWay()),
		Formula: fmt.Sprintf("%d × %d requests at a time / (%.4g × %s) / %.4g of all events",
			processes, each, m.Attempts, m.AnswerTime, m.Busiest),
		Change: `a bot that answers sooner; "queues" in the bots file, and as many processes with the role dispatch`,
	}
	if m.Embedded {
		l.Change = "a bot that answers sooner, and does the work afterwards"
	}
	l.Use = m.Rate / l.Limit
	return l
}
