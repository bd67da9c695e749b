package botgate

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// provisionBots reads the bots' names, and follows the bots file from here on.
func (a *App) provisionBots() error {
	for _, name := range a.Bots {
		if !event.ValidBot(name) {
			return fmt.Errorf("option bots: %q is not a bot's name: only letters, digits, '-' and '_', at most 64", name)
		}
	}
	if a.BotsFile == "" {
		return nil
	}
	file, err := bots.FollowInbound(a.BotsFile, a.declareBots, a.logger)
	if err != nil {
		return fmt.Errorf("option bots_file: %w (botgate init makes one to start from)", err)
	}
	a.file = file
	return nil
}

// bots are the names of those that events are accepted for, in alphabetical order.
func (a *App) bots() []string {
	names := slices.Clone(a.Bots)
	if a.file != nil {
		names = slices.AppendSeq(names, maps.Keys(a.file.Get()))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// queues are those of the bots.
func (a *App) queues() queue.Bots {
	known := queue.Bots{}
	if a.file != nil {
		maps.Copy(known, a.file.Get().Queues())
	}
	for _, name := range a.Bots {
		known[name] = max(1, known[name])
	}
	return known
}

// declareBots has the queue know bots of a changed file before events are accepted for them.
func (a *App) declareBots(now bots.InboundSet) {
	o := a.opened.Load()
	if o == nil {
		return
	}
	if err := o.broker.DeclareBots(context.Background(), now.Queues()); err != nil {
		// Publish sees to it for each event, too.
		a.logger.Info("the queues of bots can't be declared now", slog.Any("error", err))
	}
}

// KnownBot reports whether events are accepted for the bot.
func (a *App) KnownBot(name string) bool {
	if a.file != nil && a.file.Get()[name].Queues > 0 {
		return true
	}
	return slices.Contains(a.Bots, name)
}

// ForwardHeaders are the names of the headers of platforms' requests that go on to the bot.
func (a *App) ForwardHeaders(name string) []string {
	if a.file == nil {
		return nil
	}
	return a.file.Get()[name].ForwardHeaders
}

// AnswersPlatform reports whether the bot's answers are for the platforms that its events are from.
func (a *App) AnswersPlatform(name string) bool {
	return a.file != nil && a.file.Get()[name].Answers == bots.AnswersPlatform
}

// HasBots reports whether any bot is configured.
func (a *App) HasBots() bool { return len(a.bots()) > 0 }
