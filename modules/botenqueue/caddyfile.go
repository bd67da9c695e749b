package botenqueue

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/botgate/botgate/modules/internal/option"
)

func init() {
	option.Directive[Handler]("bot_enqueue", httpcaddyfile.Before, "abort")
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	bot_enqueue [<matcher>] {
//		bot       <name>
//		type      <type>
//		user      <user>
//		order_key <key>
//		max_size  <size>
//		timeout   <duration>
//		open
//		idempotency_window <duration>|off
//		idempotency_budget <duration>
//		prefer_wait <duration>
//		wait        <duration>|off
//		order       user|channel
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return option.Options(d,
		option.Text("bot", &h.Bot),
		option.Text("type", &h.Type),
		option.Text("user", &h.User),
		option.Text("order_key", &h.OrderKey),
		option.Size("max_size", &h.MaxSize, option.MaxSize),
		option.Duration("timeout", &h.Timeout, time.Hour),
		option.Flag("open", &h.Open),
		option.Func("idempotency_window", orOff("idempotency_window", &h.IdempotencyWindow, maxWindow)),
		option.Duration("idempotency_budget", &h.IdempotencyBudget, time.Minute),
		option.Duration("prefer_wait", &h.PreferWait, maxPreferWait),
		option.Func("wait", orOff("wait", &h.Wait, maxWait)),
		option.Text("order", &h.Order),
	)
}

// orOff reads a duration, or "off" for none.
func orOff(name string, field **caddy.Duration, most time.Duration) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		*field = new(caddy.Duration)
		if d.CountRemainingArgs() == 1 && d.NextArg() {
			if d.Val() == "off" {
				return nil
			}
			d.Prev()
		}
		return option.Duration(name, *field, most).Read(d)
	}
}
