package capacity

import (
	"cmp"
	"math"
	"slices"
)

// Line is what one part needs for a load.
type Line struct {
	// Part names it.
	Part string `json:"part"`
	// Use is the share of Limit that the load takes; 0 where there is no limit.
	Use float64 `json:"use"`
	// Limit is at how many of Unit the part is used up.
	Limit float64 `json:"limit"`
	// Unit is what Limit counts: events/s, reads/s, connections or bytes.
	Unit string `json:"unit"`
	// Need is what there has to be.
	Need string `json:"need"`
	// Formula says where Limit comes from.
	Formula string `json:"formula"`
	// Change is the option or the flag that raises Limit, or lowers the need.
	Change string `json:"change"`
}

// Plan is what a load needs.
type Plan struct {
	Load Load `json:"load"`
	// Lines are the parts, the bottleneck first.
	Lines []Line `json:"lines"`
	// Measured says where the constants are from, and Estimated whether those of this engine are not from there.
	Measured  Measured `json:"measured"`
	Estimated bool     `json:"estimated"`
}

// units.
const (
	events      = "events/s"
	reads       = "reads/s"
	connections = "connections"
	size        = "bytes"
)

// New works out what a load needs. An error begins with the name of what is wrong with it, as the flag of the command
// has it.
func New(l Load, c Constants) (Plan, error) {
	l = l.complete()
	if err := l.validate(); err != nil {
		return Plan{}, err
	}
	m := &model{Load: l, c: c, processes: processesFor(l, c)}
	var lines []Line
	if l.Embedded {
		lines = []Line{m.process(), m.requests(), m.busiestBot(), m.embeddedFile(), m.embeddedRows()}
	} else {
		lines = []Line{
			m.gateway(), m.rabbitMQ(), m.redis(), m.dispatch(), m.requests(), m.busiestBot(), m.record(), m.database(),
			m.pools(), m.rows(), m.spool(), m.backlog(),
		}
		if l.OneMachine {
			lines = append(lines, m.machine())
		}
		if l.Reads > 0 {
			lines = append(lines, m.api())
		}
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return cmp.Compare(b.Use, a.Use) })
	return Plan{Load: l, Lines: lines, Measured: c.Measured, Estimated: l.Embedded && c.Embedded.Estimated}, nil
}

// Limit is the lowest limit of the lines that count events a second.
func (p Plan) Limit() float64 {
	least := math.Inf(1)
	for _, l := range p.Lines {
		if l.Unit == events {
			least = min(least, l.Limit)
		}
	}
	return least
}

// model is a load with what follows from it.
type model struct {
	Load
	processes

	c Constants
}

// processes are how many there are of each kind.
type processes struct{ gateways, dispatchers, recorders, apis int }

// processesFor takes the numbers that are given, and else as many as are needed for [Target] when one is away.
func processesFor(l Load, c Constants) processes {
	if l.OneMachine {
		return processes{max(1, l.Gateways), max(1, l.Dispatch), max(1, l.Record), max(1, l.API)}
	}
	m := &model{Load: l, c: c}
	count := func(given int, used float64) int {
		if given > 0 {
			return given
		}
		return max(1, ceil(used/Target)) + 1
	}
	underWay := l.Rate * l.Attempts * l.AnswerTime.Seconds()
	return processes{
		gateways:    count(l.Gateways, l.Rate*m.gatewayCost()/l.Cores),
		dispatchers: count(l.Dispatch, max(l.Rate*m.dispatchCost()/l.Cores, underWay/Concurrency)),
		recorders:   count(l.Record, l.Rate*m.recordCost()/l.Cores),
		apis:        count(l.API, l.Reads*c.Servers.Read.Event/1e6/l.Cores),
	}
}

// processors is the line of a part that is bounded by processor time: each event takes cost seconds of it, and there
// are so many processors.
func (m *model) processors(l Line, cost, processors float64) Line {
	if m.OneMachine {
		processors = min(processors, m.Cores)
	}
	l.Limit, l.Unit = processors/cost, events
	l.Use = m.Rate / l.Limit
	return l
}

func ceil(x float64) int { return int(math.Ceil(x - 1e-9)) }
