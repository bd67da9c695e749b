package chainbench_test

import (
	"context"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/modules/internal/gateway"
	"github.com/botgate/botgate/modules/internal/unverified"
)

func init() {
	caddy.RegisterModule(&stub{})
	httpcaddyfile.RegisterGlobalOption("botgate", func(d *caddyfile.Dispenser, _ any) (any, error) {
		for d.NextSegment() != nil { // Nothing of it is for the stub.
			break
		}
		return httpcaddyfile.App{Name: "botgate", Value: []byte("{}")}, nil
	})
}

// tracer is what handlers make spans with; nil for none.
var tracer trace.Tracer

// stub stands for the botgate app.
type stub struct{ confirming }

// base is what a queue does that nobody asks for here.
type base = queue.Queue

// confirming is a queue that confirms at once and keeps nothing.
type confirming struct{ base }

// CaddyModule implements [caddy.Module].
func (*stub) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "botgate", New: func() caddy.Module { return new(stub) }}
}

// Start implements [caddy.App].
func (*stub) Start() error { return nil }

// Stop implements [caddy.App].
func (*stub) Stop() error { return nil }

func (s *stub) Queue() (queue.Queue, error)                       { return s.confirming, nil }
func (*stub) KnownBot(name string) bool                           { return name == "demo" }
func (*stub) ForwardHeaders(string) []string                      { return nil }
func (*stub) AnswersPlatform(string) bool                         { return false }
func (*stub) Tracer() trace.Tracer                                { return tracer }
func (*stub) Messaging() *tracing.Messaging                       { return tracing.NewMessaging(tracer, "sqlite:") }
func (*stub) HasBots() bool                                       { return true }
func (*stub) Redis() redis.UniversalClient                        { return nil }
func (*stub) RedisPipe() *redisclient.Pipe                        { return nil }
func (*stub) Settings() gateway.Settings                          { return gateway.Settings{} }
func (*stub) MaxUnverified() int64                                { return unverified.DefaultLimit }
func (confirming) Publish(context.Context, ...*event.Event) error { return nil }
