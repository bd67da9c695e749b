package alerts

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/config"
	amcommoncfg "github.com/prometheus/alertmanager/config/common"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/marker"
	"github.com/prometheus/alertmanager/provider"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

func alertmanager(t *testing.T) *config.Config {
	t.Helper()
	c, err := config.LoadFile(filepath.Join("..", "..", "alertmanager", "alertmanager.yml"))
	require.NoError(t, err)
	return c
}

// TestAlertmanagerRoutes: each alert that the rules have reaches the receiver of its severity.
func TestAlertmanagerRoutes(t *testing.T) {
	t.Parallel()
	root := dispatch.NewRoute(alertmanager(t).Route, nil)
	receivers := map[model.LabelValue]string{"critical": "urgent", "warning": "team", "info": "daily", "none": "watchdog"}
	for _, a := range shippedAlerts(t) {
		routes := root.Match(a)
		require.Len(t, routes, 1, a["alertname"])
		require.Equal(t, receivers[a["severity"]], routes[0].RouteOpts.Receiver, a["alertname"])
	}
	unknown := root.Match(model.LabelSet{"alertname": "New", "severity": "page"})
	require.Equal(t, "urgent", unknown[0].RouteOpts.Receiver)
}

// TestAlertmanagerInhibits: what follows from an alert is quiet, what is about another part is not.
func TestAlertmanagerInhibits(t *testing.T) {
	t.Parallel()
	named := func(name, label, value string) model.LabelSet {
		return model.LabelSet{"alertname": model.LabelValue(name), model.LabelName(label): model.LabelValue(value)}
	}
	for source, targets := range map[string]map[string]bool{
		"BacklogGrows":         {"Backlog": true, "BotFailing": false},
		"SpoolFilling":         {"Spooling": true, "NotAccepting": false},
		"LatencyTooHigh":       {"LatencyHigh": true, "ApiLatencyHigh": false},
		"ErrorBudgetBurnsFast": {"ErrorBudgetBurns": true},
		"DeadMany":             {"DeadLetters": true, "NotRecorded": false},
		"NotAccepting":         {"ErrorBudgetBurns": true, "ErrorBudgetBurnsFast": true, "Spooling": true, "DatabaseDown": false},
		"BackendDown":          {"NotConsumed": true, "QueuesUnowned": true, "DepthUnknown": true, "NotAccepting": false},
		"DatabaseDown":         {"RecordRetries": true, "RecordSlow": true, "StaleReads": true, "Spooling": false},
		"RedisDegraded":        {"SessionsFail": true},
		"RabbitMQDiskAlarm":    {"Spooling": true, "QueueDown": true, "HistoryDown": true, "NotAccepting": false},
	} {
		muted := inhibitor(t, named(source, "group", "record"))
		for target, want := range targets {
			require.Equal(t, want, muted(named(target, "group", "record")), "%s while %s fires", target, source)
		}
	}
	require.False(t, inhibitor(t, named("BacklogGrows", "group", "record"))(named("Backlog", "group", "dispatch")))
	require.False(t, inhibitor(t, named("SpoolFilling", "instance", "a"))(named("Spooling", "instance", "b")))
}

// TestAlertmanagerNamesAlerts: an alert that is renamed is renamed in the matchers, too.
func TestAlertmanagerNamesAlerts(t *testing.T) {
	t.Parallel()
	for _, rule := range alertmanager(t).InhibitRules {
		for _, side := range []amcommoncfg.Matchers{rule.SourceMatchers, rule.TargetMatchers} {
			require.Len(t, side, 1)
			for _, name := range namesIn(side[0].Value) {
				require.Contains(t, alertNames(t), name)
			}
		}
	}
}

// TestAlertmanagerMessage: a message says what is wrong and has the link to what to do.
func TestAlertmanagerMessage(t *testing.T) {
	t.Parallel()
	c := alertmanager(t)
	templates, err := template.FromGlobs(c.Templates)
	require.NoError(t, err)
	templates.ExternalURL = &url.URL{}
	labels := model.LabelSet{"alertname": "Backlog", "severity": "warning"}
	annotations := model.LabelSet{"summary": "Many events wait", "description": "6 k wait.", "runbook_url": "https://x.example/#a"}
	firing := alert.New(model.Alert{Labels: labels, Annotations: annotations, StartsAt: time.Now()}, time.Now(), false)
	for _, receiver := range c.Receivers {
		data := templates.Data(receiver.Name, nil, nil, "", firing)
		for _, slack := range receiver.SlackConfigs {
			title, err := templates.ExecuteTextString(slack.Title, data)
			require.NoError(t, err)
			require.Equal(t, "[firing] Many events wait", title)
			text, err := templates.ExecuteTextString(slack.Text, data)
			require.NoError(t, err)
			require.Equal(t, "Backlog: 6 k wait.\nWhat to do: https://x.example/#a\n", text)
		}
		for _, mail := range receiver.EmailConfigs {
			subject, err := templates.ExecuteTextString(mail.Headers["Subject"], data)
			require.NoError(t, err)
			require.Equal(t, "[firing] Many events wait", subject)
		}
	}
}

// TestAlertmanagerSecrets: none is in the file, and none has a default.
func TestAlertmanagerSecrets(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("..", "..", "alertmanager", "alertmanager.yml"))
	require.NoError(t, err)
	require.NotRegexp(t, `(?m)(password|api_url|credentials|token):`, string(raw))
}

// inhibitor tells which alerts are not sent while the given one fires.
func inhibitor(t *testing.T, firing model.LabelSet) func(model.LabelSet) bool {
	t.Helper()
	source := alert.New(model.Alert{Labels: firing, StartsAt: time.Now(), EndsAt: time.Now().Add(time.Hour)}, time.Now(), false)
	i := inhibit.NewInhibitor(oneAlert{source}, alertmanager(t).InhibitRules, slog.New(slog.DiscardHandler), eventrecorder.NopRecorder())
	go i.Run()
	i.WaitForLoading()
	t.Cleanup(i.Stop)
	return func(target model.LabelSet) bool {
		a := alert.New(model.Alert{Labels: target}, time.Now(), false)
		return i.Mutes(marker.WithContext(context.Background(), marker.NewAlertMarker()), a.LabelSet())
	}
}

// oneAlert is all that fires.
type oneAlert struct{ firing *alert.Alert }

func (o oneAlert) SlurpAndSubscribe(string) ([]*alert.Alert, provider.AlertIterator) {
	return []*alert.Alert{o.firing}, o.Subscribe("")
}

func (oneAlert) Subscribe(string) provider.AlertIterator {
	return provider.NewAlertIterator(make(chan *provider.Alert), make(chan struct{}), nil)
}

func (oneAlert) GetPending() provider.AlertIterator             { return nil }
func (oneAlert) Get(model.Fingerprint) (*alert.Alert, error)    { return nil, nil }
func (oneAlert) Put(_ context.Context, _ ...*alert.Alert) error { return nil }
