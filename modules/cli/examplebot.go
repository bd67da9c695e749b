package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/pflag"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/secret"
)

const (
	defaultBotListen = "127.0.0.1:9090"
	// maxBotBody is what the example bot reads of an event at most.
	maxBotBody = 32 << 20
	// remembered is how many event ids the example bot keeps to notice repeats.
	remembered = 10_000
)

func exampleBotCommand() caddycmd.Command {
	return command("example-bot", "", "Runs a small bot that prints the events it gets", `
Runs a bot to deliver to: it checks the signature of each event, prints the event, and
acts on each id once. Its source shows what a bot has to do.`, exampleBotFlags, func(fl caddycmd.Flags) error {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		bot, err := startExampleBot(ctx, filepath.Join(fl.String("data"), botSecretFile), fl.String("listen"), os.Stdout)
		if err != nil {
			return err
		}
		fmt.Println("The example bot listens on", fl.String("listen"))
		<-ctx.Done()
		return bot.stop(context.WithoutCancel(ctx))
	})
}

func exampleBotFlags(flags *pflag.FlagSet) {
	flags.String("listen", defaultBotListen, "Address to listen on; the bots file must name it")
}

// exampleBot is a bot that prints what it gets.
type exampleBot struct {
	secret platform.Secret
	out    io.Writer
	server *http.Server
	served chan error

	mu   sync.Mutex
	seen map[string]bool
}

// startExampleBot serves a bot, with the secret of a file, until its stop is called.
func startExampleBot(ctx context.Context, secretFile, address string, out io.Writer) (*exampleBot, error) {
	verifier := platform.StandardWebhooks()
	raw, err := secret.FromFile(secretFile)
	if err != nil {
		return nil, err
	}
	secret, err := verifier.ParseSecret(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", secretFile, err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("example bot: %w; choose another address with --bot-listen or --listen, also in the bots file", err)
	}
	bot := &exampleBot{secret: secret, out: out, seen: map[string]bool{}, served: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /events", bot.event)
	mux.HandleFunc("POST /ask", bot.ask)
	bot.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	go func() { bot.served <- bot.server.Serve(listener) }()
	return bot, nil
}

// stop lets requests under way finish, for a moment.
func (b *exampleBot) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := b.server.Shutdown(ctx)
	if served := <-b.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// event takes a delivery: signature first, then the id, then the work.
func (b *exampleBot) event(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBotBody))
	if err != nil {
		http.Error(w, "unreadable body", http.StatusBadRequest)
		return
	}
	verifier := platform.StandardWebhooks()
	request := &platform.Request{Method: r.Method, Header: r.Header, Body: body, Now: time.Now()}
	if verifier.Verify(request, []platform.Secret{b.secret}) != nil {
		http.Error(w, "bad signature", http.StatusUnauthorized)
		return
	}
	if b.firstTime(r.Header.Get("webhook-id")) {
		fmt.Fprintf(b.out, "bot: %s from %s (%d bytes), event %s\n",
			r.Header.Get("ce-type"), orSomebody(r.Header.Get("ce-subject")), len(body), r.Header.Get("ce-id"))
	}
	w.WriteHeader(http.StatusNoContent)
}

// firstTime reports whether the id is new: a delivery can come again when the answer to
// the first one got lost.
func (b *exampleBot) firstTime(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen[id] {
		return false
	}
	if len(b.seen) >= remembered {
		clear(b.seen)
	}
	b.seen[id] = true
	return true
}

// hasSeen says whether a delivery with the id, and with the bot's signature, came.
func (b *exampleBot) hasSeen(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen[id]
}

// ask answers synchronously, for the Caddyfile's sidecar route.
func (b *exampleBot) ask(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBotBody))
	if err != nil {
		http.Error(w, "unreadable body", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"you_sent":%s}`+"\n", bytes.TrimSpace(body))
}

func orSomebody(user string) string {
	if user == "" {
		return "somebody"
	}
	return user
}
