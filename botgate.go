// Package botgate is Botgate as one Caddy plugin: importing it, as xcaddy does, links all
// of the modules.
package botgate

import (
	_ "github.com/botgate/botgate/modules"
)
