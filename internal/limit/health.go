package limit

import (
	"log/slog"
	"sync/atomic"
	"time"
)

// calmFor is how long Redis must answer in time before it counts as well again: a Redis
// on the edge does not fill the log.
const calmFor = 10 * time.Second

// health tells the operator when Redis stops and starts to answer, once each.
type health struct {
	logger     *slog.Logger
	onChange   func(degraded bool)
	degraded   atomic.Bool
	lastFailed atomic.Int64
}

func (h *health) failed(err error) {
	h.lastFailed.Store(time.Now().UnixNano())
	if h.degraded.CompareAndSwap(false, true) {
		h.onChange(true)
		h.logger.Warn("redis does not answer in time, on_store_error decides about rate limits", slog.Any("error", err))
	}
}

func (h *health) ok() {
	if !h.degraded.Load() || time.Since(time.Unix(0, h.lastFailed.Load())) < calmFor {
		return
	}
	if h.degraded.CompareAndSwap(true, false) {
		h.onChange(false)
		h.logger.Info("redis answers again, rate limits are shared")
	}
}
