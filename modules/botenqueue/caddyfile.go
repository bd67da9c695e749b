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
//		idempotency_window <duration>|off
//		idempotency_budget <duration>
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		if err := h.unmarshalOption(d); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) unmarshalOption(d *caddyfile.Dispenser) (err error) {
	texts := map[string]*string{"bot": &h.Bot, "type": &h.Type, "user": &h.User, "order_key": &h.OrderKey}
	name := d.Val()
	switch text, ok := texts[name]; {
	case ok:
		if !d.AllArgs(text) {
			return d.ArgErr()
		}
	case name == "max_size":
		h.MaxSize, err = option.Size(d, option.MaxSize)
	case name == "timeout":
		h.Timeout, err = option.Duration(d, time.Hour)
	case name == "idempotency_window":
		err = h.unmarshalWindow(d)
	case name == "idempotency_budget":
		h.IdempotencyBudget, err = option.Duration(d, time.Minute)
	default:
		err = d.Errf("unknown option %q; there are bot, type, user, order_key, max_size, timeout, idempotency_window and idempotency_budget", name)
	}
	return err
}

// unmarshalWindow reads a duration, or "off" for none.
func (h *Handler) unmarshalWindow(d *caddyfile.Dispenser) error {
	h.IdempotencyWindow = new(caddy.Duration)
	if d.CountRemainingArgs() == 1 && d.NextArg() {
		if d.Val() == "off" {
			return nil
		}
		d.Prev()
	}
	var err error
	*h.IdempotencyWindow, err = option.Duration(d, maxWindow)
	return err
}
