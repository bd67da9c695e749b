package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"

	"github.com/botgate/botgate/backend/config"
)

// serveDebug serves the profiles of net/http/pprof on a listener of their own: they show what is in memory, so they
// are for this machine alone.
func (a *App) serveDebug(ctx context.Context) error {
	if a.settings.DebugListen == "" {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.settings.DebugListen)
	if err != nil {
		return listenError(a.settings.DebugListen, config.EnvDebugListen, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	d := &door{loopback: true, secrets: func() secrets { return secrets{} }, logger: a.log}
	server := &http.Server{
		Handler: d.guard(mux), ReadHeaderTimeout: readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("profiles are not served any more", "error", fmt.Errorf("serving %s: %w", listener.Addr(), err))
		}
	}()
	a.onStop("listener of profiles", closeListener, func(context.Context) error {
		err := server.Close() // A profile may take as long as somebody likes.
		<-done
		return err
	})
	a.log.Info("serving profiles", "address", "http://"+listener.Addr().String()+"/debug/pprof/")
	return nil
}
