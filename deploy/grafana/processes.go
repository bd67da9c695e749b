package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// processes are what holds for each of them, whatever it does.
func processes() board {
	return board{
		uid: "botgate-runtime", title: "Botgate / Runtime",
		description: "Processor, memory and files of each process.",
		rows:        []row{{title: "Limits", panels: limits()}, {title: "Go", panels: golang()}},
	}
}

func limits() []panel {
	const section = "a-process-is-at-its-limit"
	return []panel{
		{
			id: 1, title: "Processor", unit: units.PercentUnit, line: 0.8, runbook: section,
			description: "Processor time of what the process may use (GOMAXPROCS).",
			queries:     []query{{"{{job}} {{instance}}", `rate(process_cpu_seconds_total{@}[@]) / go_sched_gomaxprocs_threads{@}`}},
		},
		{
			id: 2, title: "Memory", unit: units.PercentUnit, line: 0.95, runbook: section,
			description: "Resident memory of GOMEMLIMIT, which is 90 % of what the process may have.",
			queries:     []query{{"{{job}} {{instance}}", `process_resident_memory_bytes{@} / go_gc_gomemlimit_bytes{@}`}},
		},
		{
			id: 3, title: "Files", unit: units.PercentUnit, line: 0.8, runbook: section,
			description: "Open files and connections of those that the process may have.",
			queries:     []query{{"{{job}} {{instance}}", `process_open_fds{@} / process_max_fds{@}`}},
		},
		{
			id: 4, title: "Resident memory", unit: units.BytesIEC, runbook: section,
			description: "Resident memory.",
			queries:     []query{{"{{job}} {{instance}}", `process_resident_memory_bytes{@}`}},
		},
		{
			id: 5, title: "Starts", unit: units.Short, runbook: "a-process-is-down",
			description: "Starts within 15 minutes.",
			queries:     []query{{"{{job}} {{instance}}", `changes(process_start_time_seconds{@}[15m])`}},
		},
		{
			id: 6, title: "Files refused", unit: units.Short, runbook: "a-file-is-refused",
			description: "1 while a changed file can't be used, and while the Caddyfile of a gateway is refused.",
			queries: []query{
				{"{{what}} {{instance}}", `botgate_files_refused{@}`},
				{"Caddyfile {{instance}}", `1 - caddy_config_last_reload_successful{@}`},
			},
		},
	}
}

func golang() []panel {
	const section = "a-process-is-at-its-limit"
	return []panel{
		{
			id: 7, title: "Wait for a processor", unit: units.Seconds, line: 0.02, runbook: section,
			description: "99th percentile of the time that a goroutine that is ready waits.",
			queries:     []query{{"{{job}} {{instance}}", `histogram_quantile(0.99, sum by (job, instance, le) (rate(go_sched_latencies_seconds_bucket{@}[@])))`}},
		},
		{
			id: 8, title: "Pauses of the collector", unit: units.Seconds, runbook: section,
			description: "99th percentile of the pauses of the garbage collector.",
			queries:     []query{{"{{job}} {{instance}}", `histogram_quantile(0.99, sum by (job, instance, le) (rate(go_sched_pauses_total_gc_seconds_bucket{@}[@])))`}},
		},
		{
			id: 9, title: "Goroutines", unit: units.Short, runbook: section,
			description: "Goroutines; they grow with what is in flight.",
			queries:     []query{{"{{job}} {{instance}}", `go_goroutines{@}`}},
		},
	}
}
