// Package modules links all of Botgate's Caddy modules into a binary that imports it.
package modules

import (
	_ "github.com/botgate/botgate/modules/botapi"
	_ "github.com/botgate/botgate/modules/botcache"
	_ "github.com/botgate/botgate/modules/botcors"
	_ "github.com/botgate/botgate/modules/botenqueue"
	_ "github.com/botgate/botgate/modules/boterrors"
	_ "github.com/botgate/botgate/modules/botgate"
	_ "github.com/botgate/botgate/modules/botjwt"
	_ "github.com/botgate/botgate/modules/botlimit"
	_ "github.com/botgate/botgate/modules/botlog"
	_ "github.com/botgate/botgate/modules/botopen"
	_ "github.com/botgate/botgate/modules/botpath"
	_ "github.com/botgate/botgate/modules/botrequestid"
	_ "github.com/botgate/botgate/modules/botschema"
	_ "github.com/botgate/botgate/modules/botsignature"
	_ "github.com/botgate/botgate/modules/bottoken"
	_ "github.com/botgate/botgate/modules/bottrace"
	_ "github.com/botgate/botgate/modules/cli"
	_ "github.com/botgate/botgate/modules/embedded"
)
