package main

import (
	"context"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"

	"github.com/botgate/botgate/bench/peers/services"
	"github.com/botgate/botgate/bench/peers/workload"
)

// templates are the configurations of the peers whose programs are given.
//
//go:embed given
var templates embed.FS

// given are the peers whose programs the environment names.
func (b *bench) given() []peer {
	queues := func(name string, declare map[string]any) services.Ledger {
		return services.Queues{Services: b.services, Names: []string{queueOf(name)}, Declare: declare}
	}
	return []peer{
		b.configured(peer{
			name: "krakend", noRedis: true, label: "KrakenD with its AMQP backend", missing: missing("KRAKEND_BIN"),
			note:     "no confirms, messages that are not persistent, limits in its own memory",
			ledger:   queues("krakend", nil), // It declares its queue.
			accepted: http.StatusOK, refused: [3]int{http.StatusUnauthorized, http.StatusUnauthorized, http.StatusBadRequest},
		}, []string{"krakend.json", "jwk.json"}, os.Getenv("KRAKEND_BIN"), "run", "-c", "krakend.json"),
		b.configured(peer{
			name: "bento", noRedis: true, label: "Bento", missing: missing("BENTO_BIN"), note: "no tokens and no limits",
			ledger:   queues("bento", services.Classic),
			accepted: http.StatusOK, refused: [3]int{http.StatusOK, http.StatusOK, http.StatusBadGateway},
		}, []string{"bento.yaml"}, os.Getenv("BENTO_BIN"), "-c", "bento.yaml"),
		b.configured(peer{
			name: "caddy", noRedis: true, label: "Caddy + caddy-jwt + caddy-ratelimit", missing: missing("CADDY_BIN"),
			note:     "no schema and no queue, limits in its own memory; what it proxies to does not count",
			accepted: accepted, refused: [3]int{http.StatusUnauthorized, http.StatusUnauthorized, accepted},
		}, []string{"Caddyfile"}, os.Getenv("CADDY_BIN"), "run", "--config", "Caddyfile"),
	}
}

// missing says that a variable is not set.
func missing(variable string) string {
	if os.Getenv(variable) != "" {
		return ""
	}
	return variable + " does not name its program"
}

// configured is a peer that gets files made from templates.
func (b *bench) configured(p peer, files []string, binary string, args ...string) peer {
	p.command = func(ctx context.Context, dir, listen string) (*exec.Cmd, error) {
		for _, file := range files {
			if err := b.fill(file, dir, listen, queueOf(p.name)); err != nil {
				return nil, fmt.Errorf("writing %s: %w", file, err)
			}
		}
		cmd := exec.CommandContext(ctx, binary, args...)
		cmd.Env = append(os.Environ(), "HOME="+dir, "USAGE_DISABLE=1") // KrakenD would report to its makers.
		return cmd, nil
	}
	return p
}

// configuration fills in a template.
type configuration struct {
	Listen, Host, Port, Path               string
	Folder, SchemaFile, Schema             string
	Issuer, Audience, SecretStd, SecretURL string
	AMQP, Queue, Upstream                  string
}

// fill writes a configuration file into the folder.
func (b *bench) fill(file, dir, listen, queue string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return err
	}
	text, err := template.ParseFS(templates, "given/"+file)
	if err != nil {
		return err
	}
	to, err := os.Create(filepath.Join(dir, file))
	if err != nil {
		return err
	}
	return errors.Join(text.Execute(to, configuration{
		Listen: listen, Host: host, Port: port, Path: workload.Path, Folder: dir, SchemaFile: b.programs.schema,
		Schema: string(workload.Schema), Issuer: workload.Issuer, Audience: workload.Audience,
		SecretStd: base64.StdEncoding.EncodeToString([]byte(b.secret)),
		SecretURL: base64.RawURLEncoding.EncodeToString([]byte(b.secret)),
		AMQP:      b.services.AMQPURL, Queue: queue, Upstream: b.upstream,
	}), to.Close())
}

// serveUpstream serves what is behind a peer that only proxies, until stop is called. Since we do it
// ourselves, it counts for nobody.
func serveUpstream(ctx context.Context) (address string, stop func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			w.WriteHeader(accepted)
		}
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // It fails once it is closed.
	}()
	return listener.Addr().String(), func() {
		_ = server.Close()
		<-ended
	}, nil
}
