package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// queues is what lies between gateways, record and dispatch.
func queues() board {
	return board{
		uid: "botgate-queue", title: "Botgate / Queue and spool",
		description: "What lies between the gateways and those who work on it. RabbitMQ's own dashboards are 10991, 11340 and 14798 at grafana.com.",
		rows: []row{
			{title: "Queue", panels: queue()},
			{title: "Spool", panels: spool()},
			{title: "The role record", panels: record()},
		},
	}
}

func queue() []panel {
	return []panel{
		{
			id: 1, title: "Events that wait", unit: units.Short, line: 5000, runbook: "events-wait",
			description: "By consumer group. parked, unrouted and dead are 0 when all is well.",
			queries:     []query{{"{{group}}", `sum by (group) (max by (group, bot) (botgate_queue_depth{@}))`}},
		},
		{
			id: 2, title: "Who shows the depth", unit: units.Short, runbook: "no-process-knows-the-queues",
			description: "Processes that know how much waits, by consumer group.",
			queries:     []query{{"{{group}}", `count by (group) (count by (group, instance) (botgate_queue_depth{@}))`}},
		},
		{
			id: 3, title: "Queues by process", unit: units.Short, runbook: "events-wait",
			description: "Queues of bots that each dispatch process works on; they differ by one at most.",
			queries:     []query{{"{{instance}}", `botgate_queue_owned{@}`}},
		},
		{
			id: 4, title: "Large bodies", unit: units.RequestsPerSecond, runbook: "large-bodies-cant-be-had",
			description: "Bodies put into the blob store and read from it, by outcome.",
			queries: []query{
				{"put {{outcome}}", `sum by (outcome) (rate(botgate_blob_puts_total{@}[@]))`},
				{"get {{outcome}}", `sum by (outcome) (rate(botgate_blob_gets_total{@}[@]))`},
			},
		},
		{
			id: 5, title: "Found in no queue", unit: units.Short, runbook: "events-were-in-no-queue",
			description: "Events within an hour that the log had under way and no queue had.",
			queries:     []query{{"events", `sum(increase(botgate_reconciled_total{@}[1h]))`}},
		},
		{
			id: 15, title: "Queue and history up", unit: units.Short, runbook: "the-history-does-not-work",
			description: "1 while the queue takes events from a process, and while its history does. Gateways that spool show 0.",
			queries: []query{
				{"queue {{instance}}", `botgate_queue_up{@}`},
				{"history {{instance}}", `botgate_history_up{@}`},
			},
		},
	}
}

func spool() []panel {
	const section = "rabbitmq-is-unreachable-and-gateways-spool"
	return []panel{
		{
			id: 6, title: "Events in the spool", unit: units.Short, runbook: section,
			description: "Accepted events that wait in a file, since RabbitMQ does not confirm them.",
			queries:     []query{{"{{instance}}", `botgate_spool_events{@}`}},
		},
		{
			id: 7, title: "Size of its bound", unit: units.PercentUnit, line: 0.8, runbook: section,
			description: "Against max_size. At 1 gateways refuse.",
			queries:     []query{{"{{instance}}", `botgate_spool_bytes{@} / (botgate_spool_max_bytes{@} > 0)`}},
		},
		{
			id: 8, title: "Age of its bound", unit: units.PercentUnit, line: 0.5, runbook: section,
			description: "The oldest event against max_age. At 1 gateways refuse.",
			queries:     []query{{"{{instance}}", `botgate_spool_oldest_seconds{@} / (botgate_spool_max_age_seconds{@} > 0)`}},
		},
		{
			id: 9, title: "In and out", unit: units.EventsPerSecond, runbook: section,
			description: "Events that went to the file, and from there to RabbitMQ.",
			queries: []query{
				{"spooled", `sum(rate(botgate_spool_spooled_total{@}[@]))`},
				{"drained", `sum(rate(botgate_spool_drained_total{@}[@]))`},
			},
		},
		{
			id: 10, title: "Refused for good", unit: units.Short, runbook: "rabbitmq-refused-spooled-events",
			description: "Events within an hour that RabbitMQ refused, and that the file keeps aside.",
			queries:     []query{{"{{instance}}", `sum by (instance) (increase(botgate_spool_refused_total{@}[1h]))`}},
		},
	}
}

func record() []panel {
	return []panel{
		{
			id: 11, title: "Recorded", unit: units.EventsPerSecond, runbook: "events-wait",
			description: "Events by what became of them: recorded, dead-lettered, parked.",
			queries:     []query{{"{{outcome}}", `sum by (outcome) (rate(botgate_record_events_total{@}[@]))`}},
		},
		{
			id: 12, title: "Size of a batch", unit: units.Short, runbook: "events-wait",
			description: "Events that are committed together; more of them when record is behind.",
			queries:     quantiles("botgate_record_batch_size"),
		},
		{
			id: 13, title: "Time of a batch", unit: units.Seconds, line: 1, runbook: "events-wait",
			description: "Time to commit a batch.",
			queries:     quantiles("botgate_record_append_duration_seconds"),
		},
		{
			id: 14, title: "Tried again", unit: units.OpsPerSecond, runbook: "events-wait",
			description: "Batches that were written or acknowledged again.",
			queries:     []query{{"{{instance}}", `rate(botgate_record_retries_total{@}[@])`}},
		},
	}
}
