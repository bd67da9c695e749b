package app

import (
	"context"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/logformat"
	"github.com/botgate/botgate/internal/version"
)

// knownBots are the bots of the bots file, which the role dispatch follows; nil without it.
func (a *App) knownBots() func() bots.Set {
	if !a.settings.Has(config.Dispatch) {
		return nil
	}
	return a.bots.all
}

// system is what the API says of this process.
func (a *App) system() *api.System {
	s := &api.System{
		Version: version.Number(), Instance: logformat.InstanceName(), Shards: a.store.Names(), StartedAt: a.begun,
		Retention: a.settings.Data.Retention,
		Health: func(ctx context.Context) (status string, checks, details map[string]string) {
			rep := a.health.Report(ctx)
			return rep.Status, rep.Checks, rep.Details
		},
	}
	for _, role := range a.settings.Roles {
		s.Roles = append(s.Roles, string(role))
	}
	return s
}
