package app

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/backend/config"
)

// lazyAPI is the API for a server that may start before it is opened.
type lazyAPI struct{ opened atomic.Pointer[api.API] }

func (l *lazyAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if opened := l.opened.Load(); opened != nil {
		opened.ServeHTTP(w, r)
		return
	}
	api.Unavailable(w)
}

// openAPI ties the API to what the app has opened by now.
func (a *App) openAPI(context.Context) error {
	if !a.settings.Has(config.API) {
		return nil
	}
	opened, err := api.New(api.Config{
		Reader: a.reader, Dead: a.lazyQueue, Sessions: a.sessions, Jobs: a.jobs, Eraser: a.store, Forget: a.forget,
		Notices: a.bus, Logger: a.log, Registerer: a.registry,
	})
	if err != nil {
		return err
	}
	a.api.opened.Store(opened)
	return nil
}

// release has the requests that the API holds open answered before the listener is drained.
func (a *App) release(context.Context) error {
	if opened := a.api.opened.Load(); opened != nil {
		a.onStop(step{"held requests", closeListener, func(ctx context.Context) error {
			return within(ctx, func() error { opened.Close(); return nil })
		}})
	}
	return nil
}
