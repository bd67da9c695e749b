package botgate

// Spooling reports whether accepted events wait in the spool.
func (a *App) Spooling() bool { return a.spooling() }
