package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/dispatch"
	"github.com/botgate/botgate/backend/pause"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/reload"
)

const (
	// tellTimeout bounds what a change of the bots waits for the queue.
	tellTimeout = 2 * time.Second
	// closeBots bounds the end of the following of the bots file, which may be about to tell the queue.
	closeBots = 2*tellTimeout + time.Second
)

// fleet is the bots of the bots file as it is now, and who delivers to them.
type fleet struct {
	mu         sync.Mutex
	set        bots.Set // Those of the file.
	pauses     map[string]pause.State
	dispatcher *dispatch.Dispatcher // Nil until there is one.
}

func (f *fleet) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set.Names()
}

func (f *fleet) all() bots.Set {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set
}

func (f *fleet) isOne() bool { return len(f.names()) == 1 }

// deliver makes the dispatcher, which has the bots of the file from now on.
func (f *fleet) deliver(cfg dispatch.Config) (d *dispatch.Dispatcher, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	cfg.Bots = f.paused()
	f.dispatcher, err = dispatch.New(cfg)
	return f.dispatcher, err
}

// drain has pollers settle what they have, for as long as ctx goes at most.
func (f *fleet) drain(ctx context.Context) {
	f.mu.Lock()
	d := f.dispatcher
	f.mu.Unlock()
	if d != nil {
		d.Drain(ctx)
	}
}

// replace changes the bots.
func (f *fleet) replace(set bots.Set) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set = set
	return f.apply()
}

// pause changes which bots are paused.
func (f *fleet) pause(states map[string]pause.State) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pauses = states
	return f.apply()
}

// apply has the dispatcher go by what has changed. The lock is held.
func (f *fleet) apply() error {
	if f.dispatcher == nil {
		return nil
	}
	return f.dispatcher.SetBots(f.paused())
}

// paused are the bots of the file, with those paused that are. The lock is held.
func (f *fleet) paused() bots.Set {
	set := maps.Clone(f.set)
	for name, s := range f.pauses {
		b, known := set[name]
		switch {
		case !known:
			continue
		case s.Paused:
			b.Paused = true
		default:
			b.ResumedAt = s.Since
		}
		set[name] = b
	}
	return set
}

// loadBots reads the bots file.
func (a *App) loadBots() error {
	if a.readsTimed() {
		if _, err := bots.LoadTimed(a.settings.BotsFile); err != nil {
			return fmt.Errorf("%s: %w", config.EnvBotsFile, err)
		}
	}
	if !a.settings.Has(config.Dispatch) {
		return nil
	}
	set, err := bots.Load(a.settings.BotsFile)
	if err == nil {
		err = dispatch.Check(set)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", config.EnvBotsFile, err)
	}
	a.bots.set = set
	return nil
}

// followBots has changes of the bots file and of the secrets that it names take effect from here on.
func (a *App) followBots(context.Context) error {
	if err := metric.Register(a.registry, "the files", reload.Collectors()...); err != nil || !a.settings.Has(config.Dispatch) {
		return err
	}
	if err := a.countSchedules(); err != nil {
		return err
	}
	file, err := bots.Follow(a.settings.BotsFile, dispatch.Check, a.changeBots, a.log)
	if err != nil {
		return fmt.Errorf("%s: %w", config.EnvBotsFile, err)
	}
	a.onClose("bots file", closeBots, file.Close)
	now := file.Get() // It may have changed since New.
	a.changeTimed(now.Timed())
	return a.bots.replace(now)
}

// changeBots has dispatch go by other bots.
func (a *App) changeBots(before, now bots.Set) {
	if err := a.bots.replace(now); err != nil {
		a.log.Error("dispatch can't follow the bots file; it has to be started again", "error", err)
	}
	a.changeTimed(now.Timed())
	ctx, cancel := context.WithTimeout(context.Background(), tellTimeout)
	defer cancel()
	for _, name := range now.Names() {
		if _, known := before[name]; known {
			continue
		}
		// Its first events may have come before the bot.
		if err := a.queue.RetryNow(ctx, name); err != nil && !errors.Is(err, queue.ErrUnknownBot) {
			a.log.Info("events that came before their bot may go a minute late", "bot", name, "error", err)
		}
	}
	a.tellRemoved(before, now)
}

// tellRemoved says what is left of bots that were taken out of the bots file.
func (a *App) tellRemoved(before, now bots.Set) {
	ctx, cancel := context.WithTimeout(context.Background(), tellTimeout)
	defer cancel()
	var depths map[queue.Group]int64
	for _, name := range before.Names() {
		if _, stays := now[name]; stays {
			continue
		}
		if depths == nil {
			var err error
			if depths, err = a.queue.Depths(ctx); err != nil {
				a.log.Info("what waits for bots that were removed can't be counted", "error", err)
				return
			}
		}
		level := slog.LevelInfo
		if depths[queue.OfBot(name)] > 0 {
			level = slog.LevelWarn
		}
		a.log.Log(ctx, level, "bot was removed from the bots file; what waits for it stays in the queue, and goes once it is there again",
			"bot", name, "waiting", depths[queue.OfBot(name)])
	}
}
