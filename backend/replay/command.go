package replay

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Usage is the text of the command's help.
const Usage = `Hands events of the queue's history over again, in the order of their acceptance.

Usage: botgate-backend replay --since <time> --to <target> [flags]

  --since       from what was accepted then: 2026-03-01T12:00:00Z, or 24h or 7d for so long ago
  --after       go on behind this offset instead, as an interrupted replay prints it
  --until       only what was accepted before that; as with --since
  --bot, --type, --user   only events of this bot, type, user
  --to          record      the event log gets them again and stores what it lacks
                dispatch    the bots get them again
                <url>       a receiver of your own gets them, as a bot would
  --secret-file the secret (whsec_...) that signs what goes to a URL
  --rate        at most so many events per second; default: no bound
  --dry-run     count and send nothing
  --queue       the queue; BOTGATE_QUEUE_URL; default sqlite:data/queue.db

Exit codes: 0 done, 1 it could not be done or a receiver refused events, 2 flags or environment are wrong.
`

// ErrUsage means that the arguments are wrong.
var ErrUsage = errors.New("see botgate-backend replay --help")

// Command is a parsed command line of "botgate-backend replay".
type Command struct {
	// QueueURL is the flag --queue; empty when it is not given.
	QueueURL string
	// Group is the group to replay to; empty with URL.
	Group queue.Group
	// URL is the address to replay to, SecretFile the file of the secret that signs.
	URL, SecretFile string
	// Range, Filter, Rate and DryRun are those of [Config].
	Range  queue.HistoryRange
	Filter Filter
	Rate   int
	DryRun bool
}

// Parse reads the arguments after "replay". The error is [flag.ErrHelp] or an [ErrUsage].
func Parse(args []string, now time.Time) (*Command, error) {
	c := &Command{}
	flags := flag.NewFlagSet("replay", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.StringVar(&c.QueueURL, "queue", "", "")
	flags.StringVar(&c.Range.After, "after", "", "")
	flags.StringVar(&c.Filter.Bot, "bot", "", "")
	flags.StringVar(&c.Filter.Type, "type", "", "")
	flags.StringVar(&c.Filter.Subject, "user", "", "")
	flags.StringVar(&c.SecretFile, "secret-file", "", "")
	flags.IntVar(&c.Rate, "rate", 0, "")
	flags.BoolVar(&c.DryRun, "dry-run", false, "")
	flags.Func("since", "", func(v string) (err error) { c.Range.Since, err = parseTime(v, now); return err })
	flags.Func("until", "", func(v string) (err error) { c.Filter.Until, err = parseTime(v, now); return err })
	flags.Func("to", "", c.setTarget)
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil, err
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%w; %w", err, ErrUsage)
	}
	return c, nil
}

// setTarget reads the flag --to. Its error does not repeat a URL, which may hold a password.
func (c *Command) setTarget(target string) error {
	c.Group, c.URL = "", ""
	switch group := queue.Group(target); group {
	case queue.Record, queue.Dispatch:
		c.Group = group
		return nil
	}
	u, err := url.Parse(target)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return errors.New("it must be record, dispatch, or an http or https address")
	}
	c.URL = target
	return nil
}

func (c *Command) check() error {
	switch {
	case c.Group == "" && c.URL == "":
		return errors.New("--to is missing: record, dispatch, or an address")
	case c.Range.Since.IsZero() == (c.Range.After == ""):
		return errors.New("one of --since and --after is needed")
	case !c.Filter.Until.IsZero() && c.Filter.Until.Before(c.Range.Since):
		return errors.New("--until is before --since")
	case c.Filter.Bot != "" && !event.ValidBot(c.Filter.Bot):
		return errors.New("--bot is no bot's name")
	case c.Rate < 0:
		return errors.New("--rate must not be negative")
	case c.URL != "" && c.SecretFile == "":
		return errors.New("--secret-file is missing: what goes to an address is signed")
	case c.URL == "" && c.SecretFile != "":
		return errors.New("--secret-file is for an address only")
	}
	return nil
}

// parseTime reads a time, or an age.
func parseTime(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	age, err := queue.ParseAge(text)
	if err != nil || age <= 0 || strings.HasPrefix(text, "+") {
		return time.Time{}, errors.New("it must be a time like 2026-03-01T12:00:00Z, or an age like 24h or 7d")
	}
	return now.Add(-age), nil
}

// String tells a summary in a line.
func (s Summary) String() string {
	return fmt.Sprintf("read %d, matched %d, sent %d, failed %d", s.Read, s.Matched, s.Sent, s.Failed)
}
