package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// delivery is how each bot gets its events.
func delivery() board {
	return board{
		uid: "botgate-delivery", title: "Botgate / Delivery", bots: true,
		description: "How each bot gets its events.",
		rows: []row{
			{title: "Bots", panels: perBot()},
			{title: "The role dispatch", panels: dispatch()},
		},
	}
}

func perBot() []panel {
	return []panel{
		{
			id: 1, title: "Attempts", unit: units.RequestsPerSecond, runbook: "a-bot-fails",
			description: "Requests to bots by what came of them.",
			queries:     []query{{"{{bot}} {{outcome}}", `sum by (bot, outcome) (rate(botgate_dispatch_attempts_total{@,bot=~"$bot"}[@]))`}},
		},
		{
			id: 2, title: "Failed share", unit: units.PercentUnit, line: 0.5, runbook: "a-bot-fails",
			description: "Attempts that did not deliver.",
			queries: []query{{"{{bot}}", `sum by (bot) (rate(botgate_dispatch_attempts_total{@,bot=~"$bot",outcome!="delivered"}[@]))
  / sum by (bot) (rate(botgate_dispatch_attempts_total{@,bot=~"$bot"}[@]))`}},
		},
		{
			id: 3, title: "Bots that are down", unit: units.Short, runbook: "a-bot-fails",
			description: "1 from when a bot is found down until it is fully back.",
			queries:     []query{{"{{bot}}", `max by (bot) (botgate_dispatch_bot_open{@,bot=~"$bot"})`}},
		},
		{
			id: 4, title: "Time to deliver", unit: units.Seconds, line: 30, runbook: "events-wait",
			description: "95th percentile of the time from an event's acceptance until its bot has it.",
			queries:     []query{{"{{bot}}", `histogram_quantile(0.95, sum by (bot, le) (rate(botgate_dispatch_delay_seconds_bucket{@,bot=~"$bot"}[@])))`}},
		},
		{
			id: 5, title: "Oldest event", unit: units.Seconds, line: 300, runbook: "events-wait",
			description: "Age of the oldest event that waits for the bot or is worked on.",
			queries:     []query{{"{{bot}}", `max by (bot) (botgate_queue_oldest_seconds{@,bot!="",bot=~"$bot"})`}},
		},
		{
			id: 6, title: "Events that wait", unit: units.Short, line: 5000, runbook: "events-wait",
			description: "Events in the queue of each bot.",
			queries:     []query{{"{{bot}}", `max by (bot) (botgate_queue_depth{@,group="dispatch",bot=~"$bot"})`}},
		},
		{
			id: 7, title: "In flight", unit: units.Short, runbook: "events-wait",
			description: "Events of each bot that a process holds and did not settle yet.",
			queries:     []query{{"{{bot}}", `sum by (bot) (botgate_queue_in_flight{@,bot=~"$bot"})`}},
		},
		{
			id: 8, title: "Given up", unit: units.Short, runbook: "dead-letters",
			description: "Events that became dead letters within 15 minutes.",
			queries:     []query{{"{{bot}}", `sum by (bot) (increase(botgate_dispatch_attempts_total{@,bot=~"$bot",outcome="dead"}[15m]))`}},
		},
		{
			id: 9, title: "Order keys that stand still", unit: units.Short, runbook: "order-keys-stand-still",
			description: "Order keys whose first event is held, by on_dead of the bot.",
			queries:     []query{{"{{bot}}", `max by (bot) (botgate_dispatch_held_keys{@,bot=~"$bot"})`}},
		},
	}
}

func dispatch() []panel {
	return []panel{
		{
			id: 10, title: "Why attempts fail", unit: units.RequestsPerSecond, runbook: "a-bot-fails",
			description: "Attempts and probes that failed, by cause.",
			queries:     []query{{"{{cause}}", `sum by (cause) (rate(botgate_dispatch_failures_total{@}[@]))`}},
		},
		{
			id: 11, title: "Time of an attempt", unit: units.Seconds, runbook: "events-wait",
			description: "How fast bots answer.",
			queries:     quantiles("botgate_dispatch_attempt_duration_seconds"),
		},
		{
			id: 12, title: "Room for requests", unit: units.PercentUnit, line: 0.95, runbook: "events-wait",
			description: "Requests under way, of those that may be at once.",
			queries:     []query{{"{{instance}}", `botgate_dispatch_in_flight{@} / botgate_dispatch_concurrency{@}`}},
		},
		{
			id: 13, title: "Deliveries that wait", unit: units.Short, runbook: "events-wait",
			description: "Deliveries that wait for their bot's turn, or until it is back.",
			queries:     []query{{"{{instance}}", `botgate_dispatch_waiting{@}`}},
		},
		{
			id: 14, title: "Postponed", unit: units.EventsPerSecond, runbook: "events-wait",
			description: "Deliveries held back: over a limit that defers, or for a bot that the bots file does not have.",
			queries: []query{
				{"over a limit", `sum(rate(botgate_dispatch_postponed_total{@}[@]))`},
				{"unknown bot", `sum(rate(botgate_dispatch_unknown_bot_total{@}[@]))`},
			},
		},
		{
			id: 15, title: "Dead letters", unit: units.Short, runbook: "dead-letters",
			description: "Dead letters in the log, up to 10 000.",
			queries:     []query{{"dead letters", `max(botgate_dead_letters{@})`}},
		},
	}
}
