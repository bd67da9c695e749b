package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/botgate/botgate/bench/peers/services"
	"github.com/botgate/botgate/bench/peers/workload"
)

// peer is one of those that are compared.
type peer struct {
	// name is what -only takes, and label what the table says.
	name, label string
	// note says where it does less than the others.
	note string
	// missing says what is needed to run it.
	missing string
	// command makes the program that listens on the address, with its files in the folder.
	command func(ctx context.Context, dir, listen string) (*exec.Cmd, error)
	// ledger has what it accepted; nil where that goes nowhere.
	ledger services.Ledger
	// noRedis is set where it does not use Redis.
	noRedis bool
	// accepted is the answer to a valid request, and refused those to the invalid ones of the workload.
	accepted int
	refused  [3]int
}

// The answers of those who do as much as Botgate.
const accepted = http.StatusAccepted

var refused = [3]int{http.StatusUnauthorized, http.StatusUnauthorized, http.StatusUnprocessableEntity}

// base is the peer that all ratios are to.
const base = "plain"

// peers lists all, in the order in which a round takes them.
func (b *bench) peers() []peer {
	all := []peer{
		b.handmade(base, "Go by hand, the usual libraries", services.Classic),
		b.handmade("best", "Go by hand, the best libraries", services.Quorum, "GOGC=400"),
		b.botgate("botgate", "**Botgate**", b.programs.botgate),
		b.botgate("botgate-log", "Botgate with the access log on", b.programs.botgate, "BOTGATE_ACCESS_LOG=on"),
		b.node("fastify", "Fastify + amqplib confirms", ""),
		b.node("express", "Express + BullMQ", "its queue is Redis, and not on disk when it answers"),
	}
	if b.programs.other != "" {
		all = append(all, b.botgate("other", "Botgate of -other", b.programs.other))
	}
	return append(all, b.given()...)
}

// handmade is one of the programs of the folder handmade.
func (b *bench) handmade(name, label string, queue map[string]any, env ...string) peer {
	return peer{
		name: name, label: label, accepted: accepted, refused: refused,
		ledger: services.Queues{Services: b.services, Names: []string{queueOf(name)}, Declare: queue},
		command: func(ctx context.Context, _, listen string) (*exec.Cmd, error) {
			return b.run(ctx, name, listen, filepath.Join(b.programs.folder, name), nil, env...), nil
		},
	}
}

// node is one of the programs of the folder node.
func (b *bench) node(name, label, note string) peer {
	script, err := filepath.Abs(filepath.Join("node", name+".mjs"))
	p := peer{
		name: name, label: label, note: note, missing: b.programs.noNode, accepted: accepted, refused: refused,
		ledger: services.Queues{Services: b.services, Names: []string{queueOf(name)}, Declare: services.Classic},
		command: func(ctx context.Context, _, listen string) (*exec.Cmd, error) {
			return b.run(ctx, name, listen, "node", []string{script}, "NODE_ENV=production"), err
		},
	}
	if name == "express" {
		p.ledger = services.Jobs{Services: b.services, Queue: queueOf(name)}
	}
	return p
}

func queueOf(name string) string { return "peers." + name }

// run is a program that gets all that it needs to know from the environment.
func (b *bench) run(ctx context.Context, name, listen, path string, args []string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), append(env,
		"PEER_LISTEN="+listen, "PEER_REDIS="+b.services.RedisURL, "PEER_AMQP="+b.services.AMQPURL,
		"PEER_QUEUE="+queueOf(name), "PEER_SECRET="+b.secret, "PEER_PATH="+workload.Path,
		"PEER_SCHEMA="+b.programs.schema)...)
	return cmd
}
