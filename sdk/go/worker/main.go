// A worker that asks for its jobs: BOT_TOKEN=… go run ./worker [gateway [bot]]
// A job is a command like {"command":"/report","args":{"pages":3}}.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	botgate "github.com/botgate/botgate/sdk/go"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	config := botgate.ReceiveConfig{
		URL: "http://127.0.0.1:8080", Bot: "demo", Handle: handle,
		Token: func(context.Context) (string, error) { return os.Getenv("BOT_TOKEN"), nil },
	}
	if len(os.Args) > 1 {
		config.URL = os.Args[1]
	}
	if len(os.Args) > 2 {
		config.Bot = os.Args[2]
	}
	fmt.Printf("The worker asks %s for the events of %s\n", config.URL, config.Bot)
	if err := botgate.Receive(ctx, config); err != nil {
		log.Fatal(err)
	}
	fmt.Println("The worker has given back what it had")
}

func handle(ctx context.Context, event *botgate.Event) (*botgate.Answer, error) {
	var job struct{ Args struct{ Pages int } }
	if err := event.Data(&job); err != nil || job.Args.Pages < 1 {
		return nil, &botgate.Refused{Status: 422, Reason: "a report has pages"}
	}
	for page := range job.Args.Pages {
		select {
		case <-time.After(200 * time.Millisecond): // The work.
		case <-ctx.Done():
			return nil, fmt.Errorf("somebody else has the job: %w", ctx.Err())
		}
		event.Progress(100 * (page + 1) / job.Args.Pages)
	}
	fmt.Printf("worker: %d pages for %s, attempt %d of event %s\n", job.Args.Pages, event.Subject, event.Attempt, event.ID)
	answer, err := json.Marshal(map[string]int{"pages": job.Args.Pages})
	return &botgate.Answer{ContentType: "application/json", Body: answer}, err
}
