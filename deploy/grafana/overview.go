package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// overview is what to look at first.
func overview() board {
	return board{
		uid: "botgate-overview", title: "Botgate / Overview",
		description: "What comes in, what is refused, what waits, and what fires.",
		rows: []row{
			{title: "Traffic", panels: traffic()},
			{title: "Backlog", panels: backlog()},
			{title: "Refusals", panels: refusals()},
		},
	}
}

// refused counts what is answered with an error, whoever says so.
const refused = `(sum(rate(botgate_enqueue_requests_total{@,outcome!~"accepted|repeated"}[@])) or vector(0))
  + (sum(rate(botgate_jwt_requests_total{@,outcome!="verified"}[@])) or vector(0))
  + (sum(rate(botgate_signature_requests_total{@,outcome!~"verified|handshake"}[@])) or vector(0))
  + (sum(rate(botgate_rate_limit_decisions_total{@,outcome="refused"}[@])) or vector(0))
  + (sum(rate(botgate_schema_requests_total{@,mode="enforce",outcome!~"passed|unchecked"}[@])) or vector(0))`

func traffic() []panel {
	return []panel{
		{
			id: 1, title: "Accepted", unit: units.RequestsPerSecond, runbook: "the-gateway-does-not-accept",
			description: "Requests that were answered with 2xx: accepted, and repeated, which were accepted before.",
			queries:     []query{{"{{outcome}}", `sum by (outcome) (rate(botgate_enqueue_requests_total{@,outcome=~"accepted|repeated"}[@]))`}},
		},
		{
			id: 2, title: "Share of 2xx", unit: units.PercentUnit, runbook: "the-gateway-does-not-accept",
			description: "2xx among commands and webhooks. A sender with a wrong secret lowers it, too.",
			queries: []query{{"2xx", `sum(rate(botgate_enqueue_requests_total{@,outcome=~"accepted|repeated"}[@]))
  / (sum(rate(botgate_enqueue_requests_total{@,outcome=~"accepted|repeated"}[@])) + ` + refused + `)`}},
		},
		{
			id: 3, title: "Time to accept", unit: units.Seconds, line: 0.2, runbook: "accepting-is-slow",
			description: "From a request's arrival until its event is durable. The line is the objective for 99.9 %.",
			queries:     quantiles("botgate_enqueue_accept_seconds"),
		},
		{
			id: 4, title: "Time to deliver", unit: units.Seconds, line: 30, runbook: "events-wait",
			description: "From an event's acceptance until its bot has it, with all attempts and pauses.",
			queries:     quantiles("botgate_dispatch_delay_seconds"),
		},
		{
			id: 5, title: "Time to record", unit: units.Seconds, runbook: "events-wait",
			description: "From an event's acceptance until queries find it.",
			queries:     quantiles("botgate_record_delay_seconds"),
		},
		{
			id: 6, title: "Time of the API", unit: units.Seconds, line: 0.2, runbook: "the-api-is-slow",
			description: "95th percentile of the answers by route, without those that are held open.",
			queries:     []query{{"{{route}}", `histogram_quantile(0.95, sum by (route, le) (rate(botgate_api_request_duration_seconds_bucket{@,route!~"wait|stream"}[@])))`}},
		},
	}
}

func backlog() []panel {
	return []panel{
		{
			id: 7, title: "Events that wait", unit: units.Short, line: 5000, runbook: "events-wait",
			description: "By consumer group. Each process reports the same queues, so it is their maximum.",
			queries:     []query{{"{{group}}", `sum by (group) (max by (group, bot) (botgate_queue_depth{@}))`}},
		},
		{
			id: 8, title: "Oldest event", unit: units.Seconds, line: 300, runbook: "events-wait",
			description: "Age of the oldest event that waits for a bot or is worked on.",
			queries:     []query{{"{{group}} {{bot}}", `max by (group, bot) (botgate_queue_oldest_seconds{@})`}},
		},
		{
			id: 9, title: "Spool of its bound", unit: units.PercentUnit, line: 0.8, runbook: "rabbitmq-is-unreachable-and-gateways-spool",
			description: "What the file holds while RabbitMQ does not confirm, against max_size.",
			queries:     []query{{"{{instance}}", `botgate_spool_bytes{@} / (botgate_spool_max_bytes{@} > 0)`}},
		},
		{
			id: 10, title: "Alerts", unit: units.Short, runbook: "nothing-is-wrong",
			description: "Alerts that fire, without the Watchdog. They are of all jobs and instances.",
			queries:     []query{{"{{alertname}} ({{severity}})", `count by (alertname, severity) (ALERTS{alertstate="firing",severity!="none"})`}},
		},
		{
			id: 11, title: "Processes", unit: units.Short, runbook: "a-process-is-down",
			description: "Processes that could be scraped.",
			queries:     []query{{"{{job}}", `sum by (job) (up{@})`}},
		},
		{
			id: 12, title: "Versions", unit: units.Short,
			description: "Processes of each version; two of them while an upgrade is under way.",
			queries:     []query{{"{{version}}", `count by (version) (botgate_build_info{@})`}},
		},
	}
}

func refusals() []panel {
	return []panel{
		{
			id: 13, title: "Refused", unit: units.RequestsPerSecond, runbook: "the-gateway-does-not-accept",
			description: "Requests with a known sender that were not accepted, by reason. queue-unavailable loses events of platforms that never send again.",
			queries:     []query{{"{{outcome}}", `sum by (outcome) (rate(botgate_enqueue_requests_total{@,outcome!~"accepted|repeated"}[@]))`}},
		},
		{
			id: 14, title: "Tokens", unit: units.RequestsPerSecond, runbook: "keys-and-tokens",
			description: "Tokens verified, and refused by reason.",
			queries:     []query{{"{{outcome}}", `sum by (outcome) (rate(botgate_jwt_requests_total{@}[@]))`}},
		},
		{
			id: 15, title: "Signatures", unit: units.RequestsPerSecond, runbook: "keys-and-tokens",
			description: "Webhooks by platform: verified, handshakes answered, and refused by reason.",
			queries:     []query{{"{{platform}} {{outcome}}", `sum by (platform, outcome) (rate(botgate_signature_requests_total{@}[@]))`}},
		},
		{
			id: 16, title: "Limits", unit: units.RequestsPerSecond, runbook: "redis-is-unreachable",
			description: "Decisions of each zone but those that allow.",
			queries:     []query{{"{{zone}} {{outcome}}", `sum by (zone, outcome) (rate(botgate_rate_limit_decisions_total{@,outcome!="allowed"}[@]))`}},
		},
		{
			id: 17, title: "Schemas", unit: units.RequestsPerSecond,
			description: "Payloads that are valid, have no schema, or are wrong, by reason.",
			queries:     []query{{"{{outcome}}", `sum by (outcome) (rate(botgate_schema_requests_total{@}[@]))`}},
		},
		{
			id: 18, title: "Memory of strangers", unit: units.PercentUnit, runbook: "bodies-find-no-room",
			description: "What bodies of senders who are not known yet take of what they may.",
			queries:     []query{{"{{instance}}", `botgate_unverified_bytes{@} / botgate_unverified_limit_bytes{@}`}},
		},
	}
}

// quantiles are those of a histogram over all processes.
func quantiles(name string) []query {
	of := func(quantile string) string {
		return "histogram_quantile(" + quantile + ", sum by (le) (rate(" + name + "_bucket{@}[@])))"
	}
	return []query{{"p50", of("0.5")}, {"p95", of("0.95")}, {"p99", of("0.99")}}
}
