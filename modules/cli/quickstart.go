package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/retry"
)

// readyTimeout is how long the first run may take to become ready.
const readyTimeout = 30 * time.Second

func quickstartCommand() caddycmd.Command {
	return command("quickstart", "",
		"Runs everything in one process, with an example bot, and says what to try", `
Makes missing secrets in the data folder, starts an example bot and the gateway with the given
Caddyfile, and prints commands to try once it is ready. Ctrl-C stops all of it.`,
		quickstartFlags, func(fl caddycmd.Flags) error {
			if err := quickstart(fl); err != nil {
				return withHint(err)
			}
			select {} // Caddy's signal handler ends the process.
		})
}

func quickstartFlags(flags *pflag.FlagSet) {
	flags.String("config", "Caddyfile", "The Caddyfile to run")
	flags.Bool("demo", false, "Simulate five bots, of which one is flaky, one slow and one down, and send events all the time; for an empty data folder")
	flags.String("bot-listen", defaultBotListen, "Address of the example bot, which a bots file that is made names; one that is there must name it")
}

func quickstart(fl caddycmd.Flags) error {
	caddy.TrapSignals()
	if err := setDefaults(fl.String("data")); err != nil {
		return err
	}
	demo, config := fl.Bool("demo"), fl.String("config")
	if demo {
		err := writeDemoBots(fl.String("data"), fl.String("bot-listen"))
		if err == nil {
			config, err = writeDemoConfig(config, fl.String("data"))
		}
		if err != nil {
			return err
		}
	}
	made, err := initialize(fl.String("data"), fl.String("bot-listen"))
	if err != nil {
		return err
	}
	if len(made) > 0 {
		fmt.Printf("Made secrets and a bots file in %s/\n", fl.String("data"))
	}
	tellOtherBot(fl.String("data"), fl.String("bot-listen"))
	stopBots, err := startBots(fl)
	if err != nil {
		return err
	}
	caddy.OnExit(func(ctx context.Context) { _ = stopBots(ctx) })
	if err := runCaddy(config); err != nil {
		return errors.Join(err, stopBots(context.Background()))
	}
	base := defaultBase()
	if err := waitReady(base); err != nil {
		return err
	}
	if demo {
		startDemo(base, fl.String("data"))
	} else if err := printExamples(base); err != nil {
		return err
	}
	if envOr(envConsole, "on") != "off" {
		err = printConsole(base, fl.String("data"))
	}
	if err == nil && demo {
		fmt.Println("Ctrl-C stops it.")
	} else if err == nil {
		fmt.Print("Ctrl-C stops it. Events that the bot gets are printed here:\n\n")
	}
	return err
}

// startBots starts the example bot, or the simulated ones, until what it returns is called.
func startBots(fl caddycmd.Flags) (stop func(context.Context) error, err error) {
	if fl.Bool("demo") {
		return serveDemoBots(context.Background(), fl.String("bot-listen"))
	}
	bot, err := startExampleBot(context.Background(), filepath.Join(fl.String("data"), botSecretFile), fl.String("bot-listen"), os.Stdout)
	if err != nil {
		return nil, err
	}
	return bot.stop, nil
}

// startDemo sends events until the process ends.
func startDemo(base, data string) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := sendDemo(ctx, base, data); err != nil {
			fmt.Println("Nothing more is sent:", err)
		}
	}()
	caddy.OnExit(func(context.Context) { cancel(); <-done })
	fmt.Printf("\nBotgate is ready on %s. Five simulated bots get events of three platforms and of users, all the time.\n\n", base)
}

// tellOtherBot says when the bots file that is there sends the example bot's events elsewhere.
func tellOtherBot(data, listen string) {
	path := filepath.Join(data, botsFile)
	listed, err := bots.List(path)
	if err != nil {
		return // The gateway says it.
	}
	for _, b := range listed {
		if b.Name == demoBot && b.URL != demoURL(listen) {
			fmt.Printf("%s sends the events of %s to %s, and the example bot is at %s\n", path, demoBot, b.URL, demoURL(listen))
		}
	}
}

// setDefaults sets the variables of the shipped Caddyfile: the data folder, and errors
// alone are logged beside what is printed here.
func setDefaults(data string) error {
	for name, value := range map[string]string{envData: data, envLogLevel: envOr(envLogLevel, "ERROR")} {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

// runCaddy loads the Caddyfile. Caddy's log lines of a start that fails are dropped, so
// that the failure is the one line that is printed.
func runCaddy(path string) error {
	_, original, lines := caddy.BufferedLog()
	defer caddy.UnbufferDefaultLogger(original)
	config, _, _, err := caddycmd.LoadConfig(path, "")
	if err == nil {
		err = caddy.Load(config, true)
	}
	if err != nil {
		lines.FlushTo(zap.NewNop())
		return fmt.Errorf("configuration %s: %w", path, err)
	}
	return nil
}

func waitReady(base string) error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	ready := func() bool { return probe(ctx, base+"/readyz") }
	if !(retry.Backoff{Min: 50 * time.Millisecond}).Until(ctx, ready) {
		return fmt.Errorf("%s/readyz did not become ready within %s: BOTGATE_LOG_LEVEL=WARN shows why", base, readyTimeout)
	}
	return nil
}

func probe(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func printExamples(base string) error {
	key := "hello-" + strings.ToLower(rand.Text()[:8])
	const command, payload = `{"command":"/hello","text":"Hello, bot"}`, "schemas/testdata/valid/github/push.json"
	content := event.ContentOf("command", tokenSubject, []byte(command))
	id := event.Identity{
		Bot: demoBot, Sender: event.ClientSender(tokenIssuer, tokenSubject), Key: key, Content: content[:],
	}.ID(tokenSubject)
	_, err := fmt.Printf(`
Botgate is ready on %[1]s. Try, in this folder:

1. Send a command to the bot:

   curl -i %[1]s/v1/bots/demo/commands -H "Authorization: Bearer $(%[2]s token)" -H "Idempotency-Key: %[3]s" -H "Content-Type: application/json" -d '%[6]s'

2. Send a webhook, signed as GitHub signs it:

   %[2]s sign github %[4]s | curl -i %[1]s/hooks/demo/github -H @- --data-binary @%[4]s

3. Read what became of the command:

   curl -i %[1]s/v1/events/%[5]s -H "Authorization: Bearer $(%[2]s token)"

`, base, os.Args[0], key, payload, id, command)
	return err
}

// printConsole says where it can be seen; whoever runs this may do everything there.
func printConsole(base, data string) error {
	link, err := consoleLink(base, data, userHere(), "admin", "")
	if err != nil {
		return err
	}
	_, err = fmt.Printf("See all of it in the console; the link is good once, and %s console-link makes more:\n\n%s\n\n", os.Args[0], link)
	return err
}

// withHint adds what to change to errors whose text does not say it.
func withHint(err error) error {
	if strings.Contains(err.Error(), "address already in use") {
		return fmt.Errorf("%w; the ports are set by BOTGATE_HTTP_PORT, BOTGATE_API_LISTEN (and BOTGATE_API_UPSTREAM, "+
			"where that is set), BOTGATE_ADMIN and --bot-listen", err)
	}
	return err
}
