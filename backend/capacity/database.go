package capacity

import "fmt"

// databaseCost is the processor time of an event in PostgreSQL, in seconds, with the reads that come with it.
func (m *model) databaseCost() float64 {
	return m.c.Servers.PostgreSQL.of(1+m.Attempts, 1, float64(m.Body)) + m.Reads/m.Rate*m.c.Servers.ReadPostgreSQL.Event/1e6
}

// database counts the primary. A process with the role record writes two batches at a time, each by one process of
// PostgreSQL.
func (m *model) database() Line {
	const batches = 2
	used := min(m.Cores, float64(m.recorders*batches))
	return m.processors(Line{
		Part:    "database",
		Need:    "PostgreSQL with " + cores(m.Cores) + ", and a standby",
		Formula: fmt.Sprintf("%s / %s for each event", cores(used), microseconds(m.databaseCost())),
		Change:  "more cores for PostgreSQL; more databases: BOTGATE_SHARDS_FILE; for reads BOTGATE_DATABASE_REPLICA_URL",
	}, m.databaseCost(), used)
}

// pools is how many connections all processes together make to one server. A process with the role dispatch alone
// makes none.
func (m *model) pools() Line {
	pool := min(max(poolEach*ceil(m.Cores), poolLeast), poolMost)
	processes := m.recorders + m.apis
	// Some are reserved for the superuser.
	limit := 0.9 * float64(m.MaxConnections)
	return Line{
		Part: "pools", Unit: connections, Limit: limit, Use: float64(processes*(pool+1)) / limit,
		Need:    fmt.Sprintf("%d connections to PostgreSQL: %d processes with record, api or jobs × (%d + 1)", processes*(pool+1), processes, pool),
		Formula: fmt.Sprintf("0.9 × max_connections of %d", m.MaxConnections),
		Change:  "PostgreSQL's max_connections; BOTGATE_DATABASE_POOL",
	}
}

func (m *model) rows() Line {
	daily := m.daily(m.c.Servers.Rows)
	return Line{
		Part: "database's disk", Unit: size,
		Need: fmt.Sprintf("%s, %s a day; its log writes %s a day", bytesText(daily*m.Retention.Hours()/24), bytesText(daily),
			bytesText(m.daily(m.c.Servers.WAL))),
		Formula: fmt.Sprintf("%.4g events/s in the mean, kept for %s", m.Mean, durationText(m.Retention)),
		Change:  "BOTGATE_RETENTION, and --retention here",
	}
}

func (m *model) embeddedRows() Line {
	daily := m.daily(m.c.Embedded.Rows)
	return Line{
		Part: "database's file", Unit: size,
		Need:    fmt.Sprintf("%s, %s a day", bytesText(daily*m.Retention.Hours()/24), bytesText(daily)),
		Formula: fmt.Sprintf("%.4g events/s in the mean, kept for %s", m.Mean, durationText(m.Retention)),
		Change:  "BOTGATE_RETENTION, and --retention here",
	}
}

// daily is what the events of a day take.
func (m *model) daily(b Bytes) float64 {
	const day = 86_400
	return m.Mean * day * b.of(1+m.Attempts, 1, float64(m.Body))
}
