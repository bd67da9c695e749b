package main

import (
	"log/slog"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/botgate/botgate/internal/collector"
)

// limitMemory sets the garbage collector by the memory that the process may take, as Caddy and the gateway
// do: 90 % of the container's limit, or of the machine's memory, where the operator set no
// GOMEMLIMIT. The function that it returns ends that.
func limitMemory(log *slog.Logger) (end func()) {
	limit, err := memlimit.Set(memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)))
	if err != nil {
		log.Warn("the memory limit could not be read: set GOMEMLIMIT", slog.Any("error", err))
	} else {
		log.Debug("memory limit", slog.Int64("bytes", limit))
	}
	pacer := collector.Start()
	return func() { _ = pacer.Close() }
}
