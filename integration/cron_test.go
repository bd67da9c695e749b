package integration

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

// writeSchedules gives the bot "demo" a schedule for each minute of the hour, so that each hour has 60 instants.
func (s *stack) writeSchedules() {
	s.t.Helper()
	var all []string
	for minute := range 60 {
		all = append(all, fmt.Sprintf(`{"name":"at-%d","cron":"%d * * * *","tz":"Europe/Berlin","type":"tick","data":{"minute":%d}}`, minute, minute, minute))
	}
	content := fmt.Sprintf(`{"bots":{"demo":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"],"schedules":[%s]}}}`,
		s.bot.server.URL+"/events", strings.Join(all, ","))
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), []byte(content), 0o600))
}

// marks returns how many schedules have fired up to a time, and sets all marks back by an hour where that is wanted.
func (s *stack) marks(since time.Time, back bool) (n int, err error) {
	driver, source := "pgx", s.database
	if s.embedded() {
		driver, source = "sqlite", s.database[len("sqlite:"):]+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	if back {
		_, err = db.ExecContext(s.t.Context(), "update schedules set mark = mark - 3600000000")
		return 0, err
	}
	err = db.QueryRowContext(s.t.Context(), "select count(*) from schedules where mark >= $1", since.UnixMicro()).Scan(&n)
	return n, err
}

func (s *stack) awaitMarks(since time.Time) {
	s.t.Helper()
	eventuallyWithin(s.t, 2*patience, func() error {
		n, err := s.marks(since, false)
		if err == nil && n < 60 {
			err = fmt.Errorf("%d of 60 schedules have fired up to %s", n, since)
		}
		return err
	})
}

// TestCron has all schedules of an hour be missed, and then the marks be lost of what was published, while the processes that
// publish are killed: each instant is one event, which its bot gets once.
func TestCron(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*stack){"Embedded": (*stack).startEmbedded, "Services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			s.writeSchedules()
			begun := time.Now()
			start(s)
			jobs := []*process{s.startWorker(), s.startWorker()}
			s.awaitMarks(begun)
			require.LessOrEqual(t, s.bot.distinct(), 3, "a schedule that is new fires nothing of the past")

			restart := func(n int) {
				jobs[n].kill()
				if s.embedded() {
					s.startGateway()
					jobs = []*process{s.gateway, s.gateway}
					return
				}
				jobs[n] = s.startWorker()
			}
			var missed time.Time
			for round := range 3 {
				for _, p := range jobs {
					p.kill()
				}
				_, err := s.marks(time.Time{}, true)
				require.NoError(t, err)
				if missed = time.Now(); round == 0 {
					begun = missed
				}
				restart(0)
				restart(1)
				s.awaitDistinct(20) // Some are on their way.
				restart(round % 2)
				s.awaitMarks(missed)
				s.awaitDistinct(60)
			}
			s.requireFiredOnce(begun)
		})
	}
}

// requireFiredOnce looks at what came of an hour of schedules that was over at a time, and of what came after it.
func (s *stack) requireFiredOnce(over time.Time) {
	s.t.Helper()
	fired, instants, minutes := map[string]bool{}, map[string]bool{}, map[string]int{}
	for _, r := range s.recorded() {
		e := r.Event
		s.awaitStatus(e.ID, string(event.StatusDelivered))
		instant := e.OrderKey + e.Time.String()
		require.False(s.t, instants[instant], "%s is there twice", instant)
		instants[instant], minutes[e.ID] = true, e.Time.Minute()
		require.Equal(s.t, []any{"tick", fmt.Sprintf("/schedules/at-%d", e.Time.Minute()), e.Time.Truncate(time.Minute)}, []any{e.Type, e.OrderKey, e.Time})
		fired[e.OrderKey] = true
		require.Greater(s.t, e.Time, over.Add(-time.Hour), "the last instant that was missed")
	}
	require.Len(s.t, fired, 60) // Whose minute came before it was looked at may have that for its last one.
	came := map[string]bool{}
	for _, d := range s.bot.all() {
		require.True(s.t, s.embedded() || !came[d.id], "the bot got %s twice", d.id) // Embedded, dispatch was killed, too.
		came[d.id] = true
		if minute, known := minutes[d.id]; known { // Others came since.
			require.Equal(s.t, fmt.Sprintf(`{"minute":%d}`, minute), string(d.body))
		}
	}
	for id := range minutes {
		require.True(s.t, came[id], "%s is delivered, and never came", id)
	}
}

// TestCronOfTwoBots has two bots with schedules of one name, of which one bot refuses everything for a while: the other one
// gets its own all the same, and each instant is one event of each.
func TestCronOfTwoBots(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*stack){"Embedded": (*stack).startEmbedded, "Services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			other := newBot(t, filepath.Join(s.dir, "data", "demo-bot.secret"))
			s.writeTimedBots(s.bot, other)
			other.failWith(func(delivered) int { return http.StatusServiceUnavailable })
			start(s)
			s.startWorker()
			s.startWorker()
			s.awaitDistinct(1)
			require.Zero(t, other.distinct())
			other.failWith(nil)
			eventuallyWithin(t, 2*patience, func() error {
				if other.distinct() == 0 {
					return errors.New("the other bot got nothing")
				}
				return nil
			})
			s.requireOwnSchedules(map[string]*bot{"demo": s.bot, "other": other})
		})
	}
}

// writeTimedBots has both bots get an event each minute.
func (s *stack) writeTimedBots(demo, other *bot) {
	s.t.Helper()
	const form = `{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"],"schedules":[{"name":"each","cron":"* * * * *","type":"tick"}]}`
	content := fmt.Sprintf(`{"bots":{"demo":`+form+`,"other":`+form+`}}`, demo.server.URL+"/events", other.server.URL+"/events")
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), []byte(content), 0o600))
}

// requireOwnSchedules has each bot get its own events, once for each instant.
func (s *stack) requireOwnSchedules(bots map[string]*bot) {
	s.t.Helper()
	owner, instants := map[string]string{}, map[string]bool{}
	for _, r := range s.recorded() {
		instant := r.Event.Bot + r.Event.Time.String()
		require.False(s.t, instants[instant], "%s is there twice", instant)
		instants[instant], owner[r.Event.ID] = true, r.Event.Bot
	}
	for name, b := range bots {
		for _, d := range b.all() {
			if of, known := owner[d.id]; known { // Others came since.
				require.Equal(s.t, name, of)
			}
		}
	}
}
