package botenqueue

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("bot_enqueue", parseCaddyfile)
	httpcaddyfile.RegisterDirectiveOrder("bot_enqueue", httpcaddyfile.Before, "abort")
}

func parseCaddyfile(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
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
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		option := d.Val()
		var value string
		if !d.AllArgs(&value) {
			return d.ArgErr()
		}
		if err := h.set(d, option, value); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) set(d *caddyfile.Dispenser, option, value string) error {
	switch option {
	case "bot":
		h.Bot = value
	case "type":
		h.Type = value
	case "user":
		h.User = value
	case "order_key":
		h.OrderKey = value
	case "max_size":
		size, err := humanize.ParseBytes(value)
		if err != nil || size == 0 || size > 1<<40 {
			return d.Errf("max_size: %q is not a size like 1MB", value)
		}
		h.MaxSize = int64(size)
	case "timeout":
		timeout, err := caddy.ParseDuration(value)
		if err != nil || timeout <= 0 || timeout > time.Hour {
			return d.Errf("timeout: %q is not a duration like 5s", value)
		}
		h.Timeout = caddy.Duration(timeout)
	default:
		return d.Errf("unknown option %q; there are bot, type, user, order_key, max_size and timeout", option)
	}
	return nil
}
