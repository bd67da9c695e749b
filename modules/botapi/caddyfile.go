package botapi

import (
	"net"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("bot_api", parse)
	httpcaddyfile.RegisterDirectiveOrder("bot_api", httpcaddyfile.Before, "reverse_proxy")
}

// parse reads the directive. Its syntax is that of reverse_proxy, where upstreams may be missing:
//
//	bot_api [<matcher>] [<upstream...>] {
//		<option of reverse_proxy>
//	}
func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	if err := checkUpstreams(h.Dispenser); err != nil {
		return nil, err
	}
	h.Reset()
	parsed := new(Handler)
	if err := parsed.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	return parsed, parsed.FinalizeUnmarshalCaddyfile(h)
}

// checkUpstreams refuses upstreams that can't be meant: reverse_proxy takes a port for a host, and port
// 80 where there is none.
func checkUpstreams(d *caddyfile.Dispenser) error {
	d.Next()
	for _, upstream := range d.RemainingArgs() {
		if !plausible(upstream) {
			return d.Errf("upstream %q is not an address like 127.0.0.1:8081 or unix//run/api.sock; several are "+
				"separated by blanks (BOTGATE_API_UPSTREAM in the shipped Caddyfile)", upstream)
		}
	}
	return nil
}

func plausible(upstream string) bool {
	if strings.Contains(upstream, "://") || strings.Contains(upstream, "{") || strings.HasPrefix(upstream, "unix/") {
		return true
	}
	_, port, err := net.SplitHostPort(upstream)
	if err != nil {
		return false
	}
	first, last, ranged := strings.Cut(port, "-")
	return validPort(first) && (!ranged || validPort(last))
}

func validPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}
