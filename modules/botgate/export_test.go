package botgate

// Spooling reports whether accepted events wait in the spool.
func (a *App) Spooling() bool { return a.spooling() }

// BotNames are those of the bots that events are accepted for.
func (a *App) BotNames() []string { return a.bots() }
