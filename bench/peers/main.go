// Command peers measures Botgate beside what people would use instead: each accepts the same
// requests, with the same checks, into the same broker. README.md says how to read it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	rounds, tries                int
	connections                  []int
	seconds, warm, wait, longest time.Duration
	only                         []string
	botgate, other               string
	write                        bool
	// flags are the arguments, without -write.
	flags []string
}

func main() {
	// Peers end when the thread that started them does.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	o, err := parse(os.Args[1:])
	if err == nil {
		err = compare(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		stop()
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("peers", flag.ExitOnError)
	flags.IntVar(&o.rounds, "rounds", 3, "how often each peer has its turn")
	flags.IntVar(&o.tries, "tries", 2, "how often to measure at most when others are at work on the machine")
	seconds := flags.Int("seconds", 8, "how long to measure with each number of connections")
	flags.DurationVar(&o.warm, "warm", 3*time.Second, "how long to warm up")
	flags.DurationVar(&o.wait, "wait", 20*time.Second, "how long to wait at most for a quiet machine")
	flags.DurationVar(&o.longest, "longest", 12*time.Minute, "after this no round begins that would not end, and no wait")
	connections := flags.String("connections", "64,4", "how many connections")
	only := flags.String("only", "", "which peers, such as plain,botgate; all by default")
	flags.StringVar(&o.botgate, "botgate", "", "the gateway to measure, by its whole path; built from this tree by default")
	flags.StringVar(&o.other, "other", "", "another build of the gateway to measure beside it, by its whole path")
	flags.BoolVar(&o.write, "write", false, "write the table into ../../README.md, and the picture")
	_ = flags.Parse(args) // It exits by itself.
	o.seconds = time.Duration(*seconds) * time.Second
	for field := range strings.SplitSeq(*connections, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return options{}, fmt.Errorf("-connections %s: numbers, separated by commas", *connections)
		}
		o.connections = append(o.connections, n)
	}
	for _, arg := range args {
		if arg != "-write" {
			o.flags = append(o.flags, arg)
		}
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	if o.rounds < 1 || o.tries < 1 || o.seconds < time.Second || flags.NArg() > 0 {
		return options{}, fmt.Errorf("-rounds, -tries and -seconds are at least 1, and nothing follows the flags")
	}
	return o, nil
}
