package capacity

import (
	"fmt"
	"strings"
)

// usage is how a limit of the model is measured on running processes, by PromQL, as a share of what there is.
type usage struct{ of, expression string }

// usages are those that have metrics and no other alert. The spool has SpoolFilling, open files FilesNearLimit.
var usages = []usage{
	{"processor", `rate(process_cpu_seconds_total{job=~"botgate-gateway|botgate-backend"}[5m]) / max_over_time(go_sched_gomaxprocs_threads[2m])`},
	{"requests to bots", `avg_over_time(botgate_dispatch_in_flight[5m]) / max_over_time(botgate_dispatch_concurrency[2m])`},
	{"database connections", `avg_over_time(botgate_database_connections{state="acquired"}[5m]) ` +
		`/ on (job, instance, shard, pool) max_over_time(botgate_database_connections_max[2m])`},
}

// NearExpression is what the alert CapacityNear fires on: a process uses more than [Near] of one of its limits.
func NearExpression() string {
	parts := make([]string, len(usages))
	for n, u := range usages {
		parts[n] = fmt.Sprintf(`label_replace(%s, "of", %q, "", "") > %g`, u.expression, u.of, Near)
	}
	return strings.Join(parts, "\n  or ") + "\n"
}
