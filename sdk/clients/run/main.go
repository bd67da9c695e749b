//go:build generated

// Command run asks a running Botgate by the generated client, and prints what became of the command.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/botgate/botgate/sdk/clients"
)

func main() {
	event, err := clients.Ask(context.Background(), os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(event.Bot, event.Status)
}
