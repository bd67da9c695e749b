package cron

import "context"

// Pass looks after all bots once, as Run does each second.
func (s *Scheduler) Pass(ctx context.Context) error { return s.pass(ctx) }
