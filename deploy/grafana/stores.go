package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// stores are the database, the cache and what else is asked.
func stores() board {
	return board{
		uid: "botgate-stores", title: "Botgate / Stores and cache",
		description: "The database, Redis, the cache, and the API that reads them. CloudNativePG and Redis have dashboards of their own.",
		rows: []row{
			{title: "Database", panels: database()},
			{title: "Redis and the cache", panels: cache()},
			{title: "Answers that gateways keep", panels: responses()},
			{title: "API, sessions and jobs", panels: api()},
		},
	}
}

func database() []panel {
	return []panel{
		{
			id: 1, title: "Primary", unit: units.Short, runbook: "the-database-is-unreachable",
			description: "1 while a process reaches the primary of each shard, and the shard takes its events.",
			queries: []query{
				{"primary of {{shard}}", `min by (shard) (botgate_database_primary_up{@})`},
				{"shard {{shard}}", `min by (shard) (botgate_shard_up{@})`},
			},
		},
		{
			id: 2, title: "Pools", unit: units.PercentUnit, runbook: "the-database-is-slow",
			description: "Connections in use, of those that the pool may have.",
			queries:     []query{{"{{instance}} {{shard}} {{pool}}", `botgate_database_connections{@,state="acquired"} / on (job, instance, shard, pool) botgate_database_connections_max{@}`}},
		},
		{
			id: 3, title: "Waits for a connection", unit: units.OpsPerSecond, runbook: "the-database-is-slow",
			description: "Calls that had to wait, and those that gave up.",
			queries: []query{
				{"waited {{shard}} {{pool}}", `sum by (shard, pool) (rate(botgate_database_acquire_waits_total{@}[@]))`},
				{"gave up {{shard}} {{pool}}", `sum by (shard, pool) (rate(botgate_database_acquire_timeouts_total{@}[@]))`},
			},
		},
		{
			id: 4, title: "Replication lag", unit: units.Seconds, line: 10, runbook: "the-database-is-slow",
			description: "The largest lag of the replicas that answer.",
			queries:     []query{{"{{shard}}", `max by (shard) (botgate_database_replica_lag_seconds{@})`}},
		},
		{
			id: 5, title: "Reads", unit: units.OpsPerSecond, runbook: "the-database-is-unreachable",
			description: "Where reads went and why; primary_down answers what may be old.",
			queries:     []query{{"{{target}} {{reason}}", `sum by (target, reason) (rate(botgate_database_reads_total{@}[@]))`}},
		},
		{
			id: 6, title: "Failovers", unit: units.Short, runbook: "the-database-is-unreachable",
			description: "Times within an hour that another server was found to be the primary.",
			queries:     []query{{"{{shard}}", `max by (shard) (increase(botgate_database_failovers_total{@}[1h]))`}},
		},
	}
}

func cache() []panel {
	return []panel{
		{
			id: 7, title: "Without Redis", unit: units.Short, runbook: "redis-is-unreachable",
			description: "1 while a part does without Redis.",
			queries: []query{
				{"limits {{instance}}", `botgate_rate_limit_degraded{@}`},
				{"idempotency {{instance}}", `botgate_idempotency_degraded{@}`},
				{"cache {{cache}} {{instance}}", `botgate_cache_degraded{@}`},
			},
		},
		{
			id: 8, title: "Cache", unit: units.RequestsPerSecond, runbook: "the-api-is-slow",
			description: "What each tier was asked and said.",
			queries:     []query{{"{{tier}} {{result}}", `sum by (tier, result) (rate(botgate_cache_requests_total{@}[@]))`}},
		},
		{
			id: 9, title: "Answered from memory", unit: units.PercentUnit, runbook: "the-api-is-slow",
			description: "Hits of the memory among what it was asked.",
			queries: []query{{"{{cache}}", `sum by (cache) (rate(botgate_cache_requests_total{@,tier="memory",result=~"hit|stale"}[@]))
  / sum by (cache) (rate(botgate_cache_requests_total{@,tier="memory"}[@]))`}},
		},
		{
			id: 10, title: "Memory of the cache", unit: units.BytesIEC,
			description: "What memory holds, as it counts against the bound.",
			queries:     []query{{"{{instance}} {{cache}}", `botgate_cache_memory_bytes{@}`}},
		},
		{
			id: 11, title: "Invalidated", unit: units.OpsPerSecond, runbook: "the-api-is-slow",
			description: "Keys dropped, and times that all were.",
			queries:     []query{{"{{cache}} {{scope}}", `sum by (cache, scope) (rate(botgate_cache_invalidations_total{@}[@]))`}},
		},
		{
			id: 12, title: "Notices", unit: units.OpsPerSecond, runbook: "the-api-is-slow",
			description: "Notices of what was recorded: sent, failed, and times that some may have been missed.",
			queries: []query{
				{"{{outcome}}", `sum by (outcome) (rate(botgate_notices_published_total{@}[@]))`},
				{"missed: {{cause}}", `sum by (cause) (rate(botgate_notices_lost_total{@}[@]))`},
			},
		},
	}
}

func responses() []panel {
	return []panel{
		{
			id: 18, title: "Answered by bot_cache", unit: units.RequestsPerSecond,
			description: "Requests at bot_cache, by where the answer came from. miss and bypass were answered by the bot.",
			queries:     []query{{"{{result}}", `sum by (result) (rate(botgate_response_cache_requests_total{@}[@]))`}},
		},
		{
			id: 19, title: "Memory of bot_cache", unit: units.BytesIEC,
			description: "What answers take of the sizes of all bot_cache.",
			queries:     []query{{"{{instance}}", `botgate_response_cache_memory_bytes{@}`}},
		},
	}
}

func api() []panel {
	return []panel{
		{
			id: 13, title: "Queries", unit: units.RequestsPerSecond, runbook: "the-api-does-not-answer",
			description: "Requests to the API by route and status.",
			queries:     []query{{"{{route}} {{code}}", `sum by (route, code) (rate(botgate_api_requests_total{@}[@]))`}},
		},
		{
			id: 14, title: "Held open", unit: units.Short, runbook: "the-api-is-slow",
			description: "Requests that wait for an event, or that are streams.",
			queries:     []query{{"{{instance}} {{route}}", `botgate_api_held_requests{@}`}},
		},
		{
			id: 15, title: "Sessions", unit: units.OpsPerSecond, runbook: "redis-is-unreachable",
			description: "Sessions read, written and removed, by outcome.",
			queries:     []query{{"{{operation}} {{outcome}}", `sum by (operation, outcome) (rate(botgate_session_operations_total{@}[@]))`}},
		},
		{
			id: 16, title: "Jobs that ended", unit: units.Short, runbook: "a-job-failed",
			description: "Jobs within an hour, by kind and status.",
			queries:     []query{{"{{kind}} {{status}}", `sum by (kind, status) (increase(botgate_jobs_finished_total{@}[1h]))`}},
		},
		{
			id: 17, title: "Jobs under way", unit: units.Short, runbook: "a-job-failed",
			description: "Jobs that processes work on.",
			queries:     []query{{"{{instance}}", `botgate_jobs_running{@}`}},
		},
	}
}
