// Command botgate is the gateway: Caddy with Botgate's modules.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/botgate/botgate/modules"
)

func main() { caddycmd.Main() }
