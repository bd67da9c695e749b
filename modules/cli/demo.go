package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/retry"
)

const (
	// demoEvery is the mean time between two events of a sender.
	demoEvery = 400 * time.Millisecond
	// demoFails is how many of ten requests the flaky bot answers with 503.
	demoFails = 4
	// demoSlow is the least time that the slow bot takes; it is up to three times as much.
	demoSlow = time.Second
)

// demoNames are the simulated bots: two that do well, and one of each kind that does not.
var demoNames = []string{"support", "orders", "flaky", "slow", "down"}

// demoUsers are who sends commands.
var demoUsers = []string{"alice", "bob", "carol", "dave", "erin"}

// below is a random number from 0 to less than n.
func below[T ~int | ~int64](n T) T {
	random, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		return 0 // It never fails: see its documentation.
	}
	return T(random.Int64())
}

// writeDemoBots makes the bots file of the simulated bots, which are at the address. Nothing listens where the one
// that is down is. A file that is there stays.
func writeDemoBots(data, listen string) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	var file bytes.Buffer
	file.WriteString("{\n  \"bots\": {\n")
	for i, name := range demoNames {
		url, separator := "http://"+listen+"/"+name, ","
		if name == "down" {
			url = "http://127.0.0.1:1/down"
		}
		if i == len(demoNames)-1 {
			separator = ""
		}
		fmt.Fprintf(&file, `    %q: {"url": %q, "allow_private": true, "secret_files": [%q], "timeout": "5s", "max_attempts": 4, `+
			`"min_backoff": "500ms", "max_backoff": "20s", "keep_answers": "failed"}%s`+"\n", name, url, botSecretFile, separator)
	}
	file.WriteString("  }\n}\n")
	err := writeNew(filepath.Join(data, botsFile), file.Bytes())
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// demoBefore is the line of the shipped Caddyfile before which the hook of one more platform goes.
const demoBefore = "\timport hook github {\n"

// writeDemoConfig writes the Caddyfile with a hook for Telegram beside those that it has, and the hook's secret, and
// returns its path. A Caddyfile without the shipped hooks gets none.
func writeDemoConfig(config, data string) (string, error) {
	content, err := os.ReadFile(config)
	if err != nil {
		return "", fmt.Errorf("--config: %w", err)
	}
	const hook = "\timport hook telegram {\n\t\tbot_signature telegram {\n\t\t\tsecret_file {$BOTGATE_DATA:data}/telegram.secret\n\t\t}\n\t}\n"
	written := filepath.Join(data, "Caddyfile")
	content = bytes.Replace(content, []byte(demoBefore), []byte(hook+demoBefore), 1)
	if err := os.WriteFile(written, content, 0o600); err != nil { //nolint:gosec // In the folder that the user names.
		return "", fmt.Errorf("--data: %w", err)
	}
	err = writeNew(filepath.Join(data, "telegram"+secretFileType), []byte(hex.EncodeToString(randomKey())+"\n"))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("--data: %w", err)
	}
	return written, nil
}

// serveDemoBots serves the simulated bots until its stop is called.
func serveDemoBots(ctx context.Context, listen string) (stop func(context.Context) error, err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("simulated bots: %w; choose another address with --bot-listen", err)
	}
	server := &http.Server{
		Handler: http.HandlerFunc(answerAsDemo), ReadHeaderTimeout: 5 * time.Second,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return func(ctx context.Context) error {
		err := server.Shutdown(ctx)
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return err
	}, nil
}

// answerAsDemo answers as the bot of the path does.
func answerAsDemo(w http.ResponseWriter, r *http.Request) {
	wait := 5*time.Millisecond + below(25*time.Millisecond)
	switch r.URL.Path {
	case "/flaky":
		if below(10) < demoFails {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, `{"error":"the database of this bot is away, as it is now and then"}`)
			return
		}
	case "/slow":
		wait = demoSlow + below(2*demoSlow)
	}
	if retry.Sleep(r.Context(), wait) {
		w.WriteHeader(http.StatusNoContent)
	}
}

// sendDemo has platforms and users send events until ctx ends. What is refused or lost is tried no more.
func sendDemo(ctx context.Context, base, data string) error {
	var tokens []string
	for _, user := range demoUsers {
		token, err := tokenSpec{issuer: tokenIssuer, audience: tokenAudience, user: user, scope: tokenScope, ttl: 24 * time.Hour}.mint(data)
		if err != nil {
			return err
		}
		tokens = append(tokens, token)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, next := range []func(bot string) (*http.Request, error){
		func(bot string) (*http.Request, error) { return demoHook(ctx, base, data, bot, "github", "push.json") },
		func(bot string) (*http.Request, error) {
			return demoHook(ctx, base, data, bot, "standard-webhooks", "invoice.json")
		},
		func(bot string) (*http.Request, error) { return demoUpdate(ctx, base, data, bot) },
		func(bot string) (*http.Request, error) {
			return demoCommand(ctx, base, tokens[below(len(tokens))], bot)
		},
	} {
		group.Go(func() error {
			for retry.Sleep(ctx, below(2*demoEvery)) {
				request, err := next(demoNames[below(len(demoNames))])
				if err != nil {
					return err
				}
				if response, err := http.DefaultClient.Do(request); err == nil {
					response.Body.Close()
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// demoHook is a webhook of a platform, signed as it signs.
func demoHook(ctx context.Context, base, data, bot, platform, sample string) (*http.Request, error) {
	path := filepath.Join("schemas", "testdata", "valid", platform, sample)
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return signedHook(ctx, base, data, bot, platform, path, body)
}

// demoUpdate is a message to a bot of Telegram, of one of many users; each has a number of its own.
func demoUpdate(ctx context.Context, base, data, bot string) (*http.Request, error) {
	user := 512_345_670 + below(200)
	body := fmt.Sprintf(`{"update_id":%d,"message":{"message_id":%d,"date":%d,"text":"Where is order %d?",`+
		`"chat":{"id":%[5]d,"type":"private","first_name":"User"},"from":{"id":%[5]d,"is_bot":false,"first_name":"User"}}}`,
		below(1_000_000_000), below(100_000), time.Now().Unix(), below(10_000), user)
	path := filepath.Join("schemas", "testdata", "valid", "telegram", "message.json") // Its token does not cover the body.
	return signedHook(ctx, base, data, bot, "telegram", path, []byte(body))
}

// signedHook is a webhook with a body, with the headers that a platform sends with the file.
func signedHook(ctx context.Context, base, data, bot, platform, path string, body []byte) (*http.Request, error) {
	header, err := signFile(platform, path, filepath.Join(data, platform+secretFileType), "", "")
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/hooks/"+bot+"/"+platform, bytes.NewReader(body))
	if err == nil {
		request.Header = header
	}
	return request, err
}

// demoCommand is a command of the token's user.
func demoCommand(ctx context.Context, base, token, bot string) (*http.Request, error) {
	body := fmt.Sprintf(`{"command":"/hello","text":"Hello, number %d"}`, below(1000))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/bots/"+bot+"/commands", bytes.NewReader([]byte(body)))
	if err == nil {
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
	}
	return request, err
}
