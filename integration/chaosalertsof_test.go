package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// alertsOf are the alerts of each fault, and no other: what follows from them is among them.
var alertsOf = map[string][]string{
	"nothing":                                nil,
	"broker killed -9":                       {"RabbitMQNoMajority", "Spooling"},
	"broker stopped (SIGSTOP)":               {"RabbitMQNoMajority", "Spooling"},
	"broker's memory alarm":                  {"RabbitMQMemoryAlarm", "Spooling"},
	"broker's disk alarm":                    {"RabbitMQDiskAlarm", "Spooling"},
	"broker gone, a gateway without a spool": {"NotAccepting", "RabbitMQNoMajority", "Spooling"},
	"broker gone, a gateway's disk full":     {"NotAccepting", "RabbitMQNoMajority", "Spooling"},
	"Caddyfile refused":                      {"ReloadFailed"},
	"bots file refused":                      {"FileRefused"},
	"a node of three killed -9":              {"RabbitMQNodeDown"},
	"two nodes of three killed -9":           {"RabbitMQNoMajority", "Spooling"},
	"Redis killed -9":                        {"RedisDegraded"},
	"gateway killed -9":                      {"InstanceDown"},
	"second gateway killed -9":               {"InstanceDown"},
	"both gateways killed -9":                {"GatewayDown"},
	"consumers killed -9":                    {"BackendDown", "DepthUnknown"},
	"dispatch killed -9":                     {"DepthUnknown", "InstanceDown"},
	"record killed -9":                       {"InstanceDown", "NotConsumed"},
	"connections cut":                        nil,
	"network cut off both ways":              {"Spooling"},
	"broker not heard":                       {"Spooling"},
	"broker does not hear":                   {"Spooling"},
	"database killed -9":                     {"DatabaseDown"},
	"bot refuses everything":                 {"BotFailing"},
	"a bot hangs":                            {"BotFailing"},
	"bot wants no event":                     {"BotFailing", "DeadLetters", "DeadMany"},
	"disk full":                              {"NotAccepting", "QueueDown"},
	"queue of a bot full":                    {"BotFailing", "Spooling"},
	"dispatch gone, queue of a bot deleted":  {"DepthUnknown", "InstanceDown", "Unrouted"},
	"a job fails":                            {"JobsFail"},
	"broker refuses spooled events":          {"SpoolRefused"},
	"a bot is taken out of the bots file":    {"UnknownBot"},
	"an event is held":                       {"OrderKeysHeld"},
	"queue of a bot purged":                  {"Reconciled"},
	"binding of outcomes deleted":            {"RabbitMQUnroutable", "Spooling"},
	"clock of a gateway two minutes behind":  {"DeliverySlow"},
	"clock of dispatch ten minutes ahead":    {"BotFailing"},
	"database takes no writes":               {"NotConsumed", "ShardDown"},
	"database refuses events":                {"NotRecorded"},
	"database fails now and then":            {"RecordRetries"},
	"certificate valid for 15 days":          nil,
	"certificate valid for 13 days":          {"CertificateExpires"},
	"certificate expired":                    {"SiteUnreachable"},
}

// withoutFault are the alerts that no fault fires, and why. The tests of deploy/prometheus fire all of them.
var withoutFault = map[string]map[string]bool{
	"The machine of the test is too slow or too busy to say": set("ApiLatencyHigh", "CapacityNear", "ErrorBudgetBurns",
		"ErrorBudgetBurnsFast", "LatencyHigh", "LatencyTooHigh", "RecordSlow", "SchedulerLag"),
	"It takes more events, memory or time than a test has": set("AttackSuspected", "Backlog", "BacklogGrows", "BodiesRefused",
		"BotAbsent", "BotBehind", "Crashlooping", "DispatchSaturated", "FilesNearLimit", "MemoryNearLimit", "PoolExhausted",
		"RabbitMQDiskFills", "RabbitMQQueueBehind", "ScheduleLate", "SpoolFilling"),
	"What it is about is not part of the stack of the test": set("BlobTrouble", "HistoryDown", "KeysUnavailable", "PostgresArchivingFails",
		"PostgresLongTransaction", "PostgresReplicationLag", "PostgresTransactionAge", "ReplicaLag", "SessionsFail",
		"SpoolStranded", "StaleReads", "TokenRotationFails"),
	"A test of its part has the fault, and promtool alone the alert": set("QueuesUnowned"),
	"It always fires": set("Watchdog"),
}

func set(names ...string) map[string]bool {
	all := map[string]bool{}
	for _, name := range names {
		all[name] = true
	}
	return all
}

// TestEachAlertHasItsFault finds for each alert of the rules a fault that fires it, or the reason why there is none.
func TestEachAlertHasItsFault(t *testing.T) {
	t.Parallel()
	explained := map[string]int{}
	for _, alerts := range alertsOf {
		for _, name := range alerts {
			explained[name] = 1
		}
	}
	for _, alerts := range withoutFault {
		for name := range alerts {
			explained[name]++
		}
	}
	shipped := map[string]int{}
	paths, err := filepath.Glob("../deploy/prometheus/rules/*.yml")
	require.NoError(t, err)
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(raw), -1) {
			shipped[found[1]] = 1
		}
	}
	require.Equal(t, shipped, explained)
}
