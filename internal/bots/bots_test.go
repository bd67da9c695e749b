package bots_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/queue"
)

func write(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.secret"), []byte("whsec_a\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "empty.secret"), []byte("\n"), 0o600))
	path := filepath.Join(dir, "bots.json")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestLoad(t *testing.T) {
	t.Setenv("BOT_SECRET", "whsec_b")
	path := write(t, `{"bots": {
		"demo":  {"url": "http://127.0.0.1:9090/events", "allow_private": true, "secret_files": ["a.secret"]},
		"other": {"url": "https://bot.example/", "secret_files": ["a.secret"], "secret_envs": ["BOT_SECRET"], "timeout": "3s", "max_attempts": 4,
			"give_up_after": "720h", "min_backoff": "250ms", "max_backoff": "1m", "max_retry_after": "2h", "expire_after": "48h", "on_dead": "hold", "keep_answers": "all", "answers": "platform", "forward_headers": ["x-slack-signature"], "queues": 3, "bulk": true}}}`)
	set, err := bots.Load(path)
	require.NoError(t, err)
	require.Equal(t, bots.Set{
		"demo": {
			Name: "demo", URL: "http://127.0.0.1:9090/events", AllowPrivate: true, Secrets: []string{"whsec_a"}, Timeout: 10 * time.Second,
			GiveUpAfter: 72 * time.Hour, MinBackoff: time.Second, MaxBackoff: 10 * time.Minute, MaxRetryAfter: time.Hour, Queues: 1,
			KeepAnswers: bots.KeepOff, Answers: bots.AnswersOff, OnDead: bots.OnDeadSkip,
		},
		"other": {
			Name: "other", URL: "https://bot.example/", Secrets: []string{"whsec_a", "whsec_b"}, Timeout: 3 * time.Second, MaxAttempts: 4,
			GiveUpAfter: 720 * time.Hour, MinBackoff: 250 * time.Millisecond, MaxBackoff: time.Minute,
			MaxRetryAfter: 2 * time.Hour, ExpireAfter: 48 * time.Hour, Queues: 3, Bulk: true,
			KeepAnswers: bots.KeepAll, Answers: bots.AnswersPlatform, OnDead: bots.OnDeadHold, ForwardHeaders: []string{"X-Slack-Signature"},
		},
	}, set)
	require.Equal(t, []string{"demo", "other"}, set.Names())
	require.Equal(t, queue.Bots{"demo": 1, "other": 3, "other.answers": 1, "other.bulk": 1}, set.Queues())
}

func TestOneBackoffMovesTheDefaultOfTheOther(t *testing.T) {
	t.Parallel()
	set, err := bots.Load(write(t, `{"bots": {
		"slow": {"url": "https://x", "min_backoff": "15m", "secret_files": ["a.secret"]},
		"fast": {"url": "https://x", "max_backoff": "100ms", "secret_files": ["a.secret"]}}}`))
	require.NoError(t, err)
	require.Equal(t, 15*time.Minute, set["slow"].MaxBackoff)
	require.Equal(t, 100*time.Millisecond, set["fast"].MinBackoff)
}

func TestGatewaysNeedNoSecrets(t *testing.T) {
	t.Parallel()
	set, err := bots.LoadInbound(write(t, `{"bots": {
		"b": {"url": "https://b/", "queues": 4, "bulk": true, "secret_files": ["not-here"], "answers": "platform", "forward_headers": ["x-hub-signature-256", "Authorization"]}, "a": {}}}`))
	require.NoError(t, err)
	require.Equal(t, bots.InboundSet{
		"a": {Queues: 1}, "b": {Queues: 4, Bulk: true, ForwardHeaders: []string{"X-Hub-Signature-256", "Authorization"}, Answers: bots.AnswersPlatform},
	}, set)
	require.Equal(t, queue.Bots{"a": 1, "b": 4, "b.bulk": 1}, set.Queues())
}

// TestSchedules: who delivers and who fires read the same ones.
func TestSchedules(t *testing.T) {
	t.Parallel()
	path := write(t, `{"bots": {
		"demo": {"url": "https://bot.example/", "secret_files": ["a.secret"], "schedules": [
			{"name": "morning", "cron": "0  9 * * 1-5", "tz": "Europe/Berlin", "type": "tick", "data": { "n": 1.50, "text": "\u00fc" }},
			{"name": "hourly", "cron": "0 * * * *", "type": "command"}]},
		"puller": {"pull": true, "secret_files": ["not-here"], "schedules": []}}}`)
	want := bots.TimedSet{"demo": {Schedules: []bots.Schedule{
		{Name: "morning", Cron: "0 9 * * 1-5", TZ: "Europe/Berlin", Type: "tick", Data: `{"n":1.50,"text":"\u00fc"}`},
		{Name: "hourly", Cron: "0 * * * *", TZ: "UTC", Type: "command", Data: "{}"},
	}}}
	timed, err := bots.LoadTimed(path)
	require.NoError(t, err, "it needs no secrets")
	require.Equal(t, want, timed)
	_, err = bots.Load(path)
	require.ErrorContains(t, err, "not-here")
	set, err := bots.Load(write(t, strings.Replace(readAll(t, path), "not-here", "a.secret", 1)))
	require.NoError(t, err)
	require.Equal(t, want, set.Timed())
}

func readAll(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func TestSchedulesRefuse(t *testing.T) {
	t.Parallel()
	one := `{"name": "x", "cron": "0 9 * * *", "type": "tick"}`
	for name, c := range map[string]struct{ schedules, want string }{
		"no name":       {`{"cron": "0 9 * * *", "type": "tick"}`, `bot "a": schedules: number 1: name: must be 1 to 64`},
		"bad name":      {one + `, {"name": "a b", "cron": "0 9 * * *", "type": "tick"}`, `bot "a": schedules: number 2: name`},
		"twice":         {one + "," + one, `bot "a": schedules: "x" is there twice`},
		"no cron":       {`{"name": "x", "type": "tick"}`, `bot "a": schedules: "x": cron: "": must have the five fields`},
		"every":         {`{"name": "x", "cron": "@every 1s", "type": "tick"}`, `bot "a": schedules: "x": cron: "@every 1s"`},
		"zone":          {`{"name": "x", "cron": "0 9 * * *", "tz": "Mars/Base", "type": "tick"}`, `bot "a": schedules: "x": tz: "Mars/Base"`},
		"never":         {`{"name": "x", "cron": "0 0 30 2 *", "type": "tick"}`, `"x": cron: "0 0 30 2 *": never fires`},
		"no type":       {`{"name": "x", "cron": "0 9 * * *"}`, `"x": type: must be set`},
		"own type":      {`{"name": "x", "cron": "0 9 * * *", "type": "botgate.event.dead"}`, `which is Botgate's own`},
		"type, control": {`{"name": "x", "cron": "0 9 * * *", "type": "a\nb"}`, `"x": type: must be text of at most 512 bytes`},
		"large data":    {`{"name": "x", "cron": "0 9 * * *", "type": "t", "data": "` + strings.Repeat("x", 16<<10) + `"}`, `"x": data: has 16386 bytes, at most 16384 are taken`},
		"data, bytes":   {`{"name": "x", "cron": "0 9 * * *", "type": "t", "data": "` + "\xff" + `"}`, `"x": data: must be JSON in UTF-8`},
		"unknown":       {`{"name": "x", "cron": "0 9 * * *", "type": "t", "subject": "u"}`, `subject`},
		"too many":      {strings.Repeat(one+",", 100) + one, `bot "a": schedules: at most 100`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, `{"bots": {"a": {"url": "https://x", "secret_files": ["a.secret"], "schedules": [`+c.schedules+`]}}}`)
			_, err := bots.Load(path)
			require.ErrorContains(t, err, c.want)
			_, err = bots.LoadTimed(path)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ content, want string }{
		"not json":       {`{`, "bots.json"},
		"no bots":        {`{"bots": {}}`, "names no bots"},
		"unknown field":  {`{"bots": {"a": {"uri": "x"}}}`, "uri"},
		"bad name":       {`{"bots": {"a.b": {}}}`, "a.b"},
		"no url":         {`{"bots": {"a": {"secret_files": ["a.secret"]}}}`, "url"},
		"other scheme":   {`{"bots": {"a": {"url": "ftp://x", "secret_files": ["a.secret"]}}}`, "url"},
		"loopback":       {`{"bots": {"a": {"url": "http://127.0.0.1:9090", "secret_files": ["a.secret"]}}}`, `bot "a": url: 127.0.0.1 is a loopback address: "allow_private": true`},
		"localhost":      {`{"bots": {"a": {"url": "http://LOCALHOST:9090", "secret_files": ["a.secret"]}}}`, `allow_private`},
		"metadata":       {`{"bots": {"a": {"url": "http://169.254.169.254/latest", "secret_files": ["a.secret"]}}}`, `link-local`},
		"private":        {`{"bots": {"a": {"url": "https://[fd00::1]/", "allow_private": false, "secret_files": ["a.secret"]}}}`, `private`},
		"mapped":         {`{"bots": {"a": {"url": "https://[::ffff:10.0.0.1]/", "secret_files": ["a.secret"]}}}`, `private`},
		"no secret":      {`{"bots": {"a": {"url": "https://x"}}}`, "secret_files"},
		"missing file":   {`{"bots": {"a": {"url": "https://x", "secret_files": ["nope"]}}}`, "nope"},
		"empty file":     {`{"bots": {"a": {"url": "https://x", "secret_files": ["empty.secret"]}}}`, "empty"},
		"unset variable": {`{"bots": {"a": {"url": "https://x", "secret_envs": ["NOT_SET_ANYWHERE"]}}}`, "empty"},
		"bad timeout":    {`{"bots": {"a": {"url": "https://x", "timeout": "soon", "secret_files": ["a.secret"]}}}`, "timeout"},
		"no timeout":     {`{"bots": {"a": {"url": "https://x", "timeout": "0s", "secret_files": ["a.secret"]}}}`, "timeout"},
		"bad backoff":    {`{"bots": {"a": {"url": "https://x", "min_backoff": "5", "secret_files": ["a.secret"]}}}`, "min_backoff"},
		"long backoff":   {`{"bots": {"a": {"url": "https://x", "max_backoff": "25h", "secret_files": ["a.secret"]}}}`, "max_backoff"},
		"long age":       {`{"bots": {"a": {"url": "https://x", "give_up_after": "721h", "secret_files": ["a.secret"]}}}`, "give_up_after"},
		"bad after":      {`{"bots": {"a": {"url": "https://x", "max_retry_after": "-1s", "secret_files": ["a.secret"]}}}`, "max_retry_after"},
		"backoffs swapped": {
			`{"bots": {"a": {"url": "https://x", "min_backoff": "2m", "max_backoff": "1s", "secret_files": ["a.secret"]}}}`, "min_backoff: 2m is more than max_backoff, 1s",
		},
		"bad queues":   {`{"bots": {"a": {"url": "https://x", "queues": 65, "secret_files": ["a.secret"]}}}`, "queues"},
		"bad answers":  {`{"bots": {"a": {"url": "https://x", "keep_answers": "some", "secret_files": ["a.secret"]}}}`, `keep_answers: "some" is none of [off failed all]`},
		"bad receiver": {`{"bots": {"a": {"url": "https://x", "answers": "client", "secret_files": ["a.secret"]}}}`, `answers: "client" is none of [off platform]`},
		"bad on_dead":  {`{"bots": {"a": {"url": "https://x", "on_dead": "wait", "secret_files": ["a.secret"]}}}`, `on_dead: "wait" is none of [skip hold]`},
		"bad header":   {`{"bots": {"a": {"url": "https://x", "forward_headers": ["a b"], "secret_files": ["a.secret"]}}}`, `forward_headers: "a b" is not the name`},
		"own header":   {`{"bots": {"a": {"url": "https://x", "forward_headers": ["webhook-id"], "secret_files": ["a.secret"]}}}`, "Webhook-Id is a header that Botgate itself sets"},
		"framing":      {`{"bots": {"a": {"url": "https://x", "forward_headers": ["transfer-encoding"], "secret_files": ["a.secret"]}}}`, "Transfer-Encoding"},
		"twice":        {`{"bots": {"a": {"url": "https://x", "forward_headers": ["x-a", "X-A"], "secret_files": ["a.secret"]}}}`, "X-A is there twice"},
		"nine headers": {`{"bots": {"a": {"url": "https://x", "forward_headers": ["a","b","c","d","e","f","g","h","i"], "secret_files": ["a.secret"]}}}`, "at most 8"},
		"bad attempts": {`{"bots": {"a": {"url": "https://x", "max_attempts": -1, "secret_files": ["a.secret"]}}}`, "max_attempts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := bots.Load(write(t, c.content))
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := bots.Load(filepath.Join(t.TempDir(), "nowhere.json"))
	require.ErrorContains(t, err, "nowhere.json")
}

func TestBotsThatPull(t *testing.T) {
	t.Parallel()
	set, err := bots.Load(write(t, `{"bots": {"pulls": {"pull": true}, "pushed": {"url": "https://x", "secret_files": ["a.secret"]}}}`))
	require.NoError(t, err)
	require.True(t, set["pulls"].Pull)
	require.Empty(t, set["pulls"].Secrets, "none are needed")
	require.Equal(t, map[string]bool{"pulls": true, "pushed": false}, set.Pulls())
	for entry, want := range map[string]string{
		`{"pull": true, "url": "https://x"}`:                   "pull: a bot that asks for its events has no url",
		`{"pull": true, "forward_headers": ["X-A"]}`:           "forward_headers: events that a bot asks for",
		`{"pull": true, "allow_private": true}`:                "pull: a bot that asks for its events has no url",
		`{"url": "ftp://x", "secret_files": ["a.secret"]}`:     `url: must be an http or https address, or "pull": true takes its place`,
		`{"pull": true, "secret_files": ["missing.secret"]}`:   "secret_files",
		`{"pull": "true", "secret_files": ["missing.secret"]}`: "pull",
	} {
		_, err := bots.Load(write(t, `{"bots": {"demo": `+entry+`}}`))
		require.ErrorContains(t, err, want, entry)
	}
}
