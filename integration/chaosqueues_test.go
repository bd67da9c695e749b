package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/retry"
	"github.com/botgate/botgate/internal/testsvc"
)

// brokersLargest is the broker's bound on a message, in bytes.
const brokersLargest = 20_000

// TestChaosAlertsQueues has the queue of a bot be full, deleted and purged, and the database refuse what is in them.
func TestChaosAlertsQueues(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make chaos")
	}
	withoutRaceDetector(t)
	c := &chaos{stack: newStack(t), t: t}
	other := newBot(t, filepath.Join(c.dir, "data", "demo-bot.secret"))
	c.writeBots(filepath.Join(c.dir, "data", "bots.json"), other, "full", "strict", "lost")
	broker, metrics := testsvc.StartRabbitMQWithMetrics(t, fmt.Sprint("max_message_size = ", brokersLargest))
	c.rabbit = broker
	proxy := testsvc.StartProxy(t, broker.URL)
	c.env = append(c.env, "BOTGATE_BLOB_URL=file:"+filepath.Join(c.dir, "data", "blobs"))
	c.startServicesOn(proxy.URL)
	c.load = newChaosLoad(c.stack)
	c.load.add(c.stack, "demo", 4)
	w := c.watch(6, func() map[string][]string {
		jobs := c.scraped()
		jobs["rabbitmq"], jobs["rabbitmq-queues"] = []string{metrics}, []string{metrics}
		return jobs
	})
	w.requireAlerts(slices.Concat(c.queueFaults(other), c.databaseFaults(), []fault{
		w.failingJob(), c.tooLarge(proxy), c.deletedBinding(), w.purgedQueue(),
	}))
	c.requireAll()
}

// writeBots writes a bots file with "demo" and others, which are one server; "strict" holds what it refuses.
func (c *chaos) writeBots(path string, other *bot, names ...string) {
	c.t.Helper()
	entry := func(b *bot, onDead string) string {
		return fmt.Sprintf(`{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"],"on_dead":%q}`, b.server.URL+"/events", onDead)
	}
	content := `{"bots":{"demo":` + entry(c.bot, "skip")
	for _, name := range names {
		onDead := map[bool]string{true: "hold", false: "skip"}[name == "strict"]
		content += fmt.Sprintf(`,%q:%s`, name, entry(other, onDead))
	}
	require.NoError(c.t, os.WriteFile(path, []byte(content+"}}"), 0o600))
}

// send sends so many commands to a bot, each of a user of its own.
func (c *chaos) send(bot string, n int) {
	c.t.Helper()
	for i := range n {
		c.commandTo(bot, fmt.Sprint("user-", i), i)
	}
}

// queueFaults are those of a bot that does not take what is in its queue.
func (c *chaos) queueFaults(other *bot) []fault {
	answering := func(status int) { other.failWith(func(delivered) int { return status }) }
	return []fault{
		{
			name: "queue of a bot full",
			begin: func() {
				answering(http.StatusServiceUnavailable)
				c.limit("botgate.bot.full", 10)
				c.send("full", 320) // Of which dispatch holds 256.
			},
			end: func() { c.rabbit.Rabbitmqctl("clear_policy", "limit"); answering(0) },
		},
		{
			name:  "an event is held",
			begin: func() { answering(http.StatusGone); c.send("strict", 1) },
			end:   func() { answering(0); c.backendCommand("retry", "--bot", "strict") },
		},
		{
			name: "dispatch gone, queue of a bot deleted",
			begin: func() {
				c.kills++
				c.backends[2].kill()
				c.rabbit.Rabbitmqctl("delete_queue", "botgate.bot.lost")
				c.send("lost", 1)
			},
			end: c.reviveDispatch,
		},
	}
}

// databaseFaults have the database refuse events for what is in them, and everything, now and then or always.
func (c *chaos) databaseFaults() []fault {
	full := func(share float64) func() {
		return func() {
			c.execute(fmt.Sprintf(`create function chaos() returns trigger language plpgsql as $$ begin
				if random() < %v then raise exception 'chaos' using errcode = 'disk_full'; end if; return null; end $$`, share))
			c.execute(`create trigger chaos before insert on events for each statement execute function chaos()`)
		}
	}
	well := func() { c.execute(`drop function chaos cascade`) }
	return []fault{
		{
			name: "database refuses events",
			begin: func() {
				c.execute(`alter table events add constraint chaos check (bot <> 'lost') not valid`)
				c.send("lost", 3)
			},
			end: func() {
				c.execute(`alter table events drop constraint chaos`)
				c.dead("rejected", "replay", "--all")
			},
		},
		{name: "database fails now and then", begin: full(0.2), end: well},
		{name: "database takes no writes", begin: full(1), end: well},
	}
}

// execute runs a statement on the database.
func (c *chaos) execute(statement string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.database)
	require.NoError(c.t, err)
	_, err = conn.Exec(ctx, statement)
	require.NoError(c.t, errors.Join(err, conn.Close(ctx)))
}

// failingJob is an export, of which the process that works on it knows no place for files.
func (w *watched) failingJob() fault {
	return fault{
		name: "a job fails",
		begin: func() {
			w.startJobs("botgate_jobs_finished_total", "BOTGATE_RECONCILE_AFTER=0", "BOTGATE_BLOB_URL=")
			w.export(`{"kind":"export"}`)
		},
		end: w.stopJobs,
	}
}

// startJobs starts a backend with the role jobs, and waits until Prometheus has a metric of it: an increase has to be seen.
func (w *watched) startJobs(metric string, settings ...string) {
	w.t.Helper()
	env := w.env
	w.env = append(slices.Clone(env), settings...)
	jobs := w.backend("jobs")
	w.backends, w.env = append(w.backends, jobs), env
	w.prometheus.scrape(w.jobs())
	eventually(w.t, func() error {
		found, err := w.prometheus.query(fmt.Sprintf("%s{instance=%q}", metric, strings.TrimPrefix(jobs.base, "http://")))
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("there is no %s", metric)
		}
		return err
	})
}

// stopJobs kills what startJobs started.
func (w *watched) stopJobs() {
	last := len(w.backends) - 1
	w.backends[last].kill()
	w.backends = w.backends[:last]
}

// tooLarge is an event that the broker refuses for good, accepted while it is not there to say so.
func (c *chaos) tooLarge(proxy *testsvc.Proxy) fault {
	return fault{
		name: "broker refuses spooled events",
		begin: func() {
			proxy.Partition(true, true)
			body := fmt.Appendf(nil, `{"command":"/large","args":["%0*d"]}`, 2*brokersLargest, 0)
			a, err := c.commandOf("lost", c.token("alice"), "large", body)
			require.NoError(c.t, err)
			require.Equal(c.t, http.StatusAccepted, a.status, "%s", a.body)
			proxy.Cut()
		},
		end: func() {},
	}
}

// purgedQueue is a bot's, while nobody has what is in it: it is found that it is lost.
func (w *watched) purgedQueue() fault {
	return fault{
		name: "queue of a bot purged",
		begin: func() {
			w.kills++
			w.backends[2].kill()
			w.send("lost", 3)
			w.rabbit.Rabbitmqctl("purge_queue", "botgate.bot.lost")
			w.reviveDispatch()
			w.startJobs("botgate_reconciled_total", "BOTGATE_RECONCILE_AFTER=10s")
		},
		end: w.stopJobs,
	}
}

// deletedBinding is the one by which what dispatch publishes reaches a queue, deleted again and again: it comes back
// with each connection.
func (c *chaos) deletedBinding() fault {
	var stop context.CancelFunc
	var unbinding sync.WaitGroup
	return fault{
		name: "binding of outcomes deleted",
		begin: func() {
			conn, err := amqp.Dial(c.rabbit.URL)
			require.NoError(c.t, err)
			channel, err := conn.Channel()
			require.NoError(c.t, err)
			var ctx context.Context
			ctx, stop = context.WithCancel(c.t.Context())
			unbinding.Go(func() {
				defer func() { _ = conn.Close() }()
				retry.Backoff{Min: 100 * time.Millisecond}.Until(ctx, func() bool {
					return channel.ExchangeUnbind("botgate.recording", "", "botgate.changes", false, nil) != nil
				})
			})
		},
		end: func() { stop(); unbinding.Wait() },
	}
}
