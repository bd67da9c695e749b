package botcors_test

import (
	"testing"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/botgate/botgate/modules/botjwt"
	"github.com/botgate/botgate/modules/internal/adapttest"
)

func TestAdapt(t *testing.T) { adapttest.Run(t) }
