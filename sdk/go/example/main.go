// A bot that prints what it gets: BOT_SECRET=whsec_… go run ./example
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	botgate "github.com/botgate/botgate/sdk/go"
)

func main() {
	handler, err := botgate.NewHandler(botgate.Config{Secrets: []string{os.Getenv("BOT_SECRET")}, Handle: handle})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "9090")) //nolint:noctx // It listens to the end.
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("The bot listens on", listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.Serve(listener))
}

func handle(_ context.Context, event *botgate.Event) (*botgate.Answer, error) {
	fmt.Printf("bot: %s from %s (%d bytes), event %s\n", event.Type, event.Subject, len(event.Body), event.ID)
	return nil, nil //nolint:nilnil // The bot says nothing.
}
