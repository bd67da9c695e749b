package integration

import "net/http"

// alertFaults are faults that the other chaos tests have beside others.
func (c *chaos) alertFaults() []fault {
	both := func(do func(*stack)) func() { return func() { do(c.stack); do(c.second) } }
	return []fault{
		{
			name:  "broker's disk alarm",
			begin: func() { c.rabbit.Rabbitmqctl("set_disk_free_limit", "1000000GB") },
			end:   func() { c.rabbit.Rabbitmqctl("set_disk_free_limit", "50MB") },
		},
		{
			name:  "both gateways killed -9",
			begin: both(func(s *stack) { s.gateway.kill() }), end: both((*stack).startGateway),
		},
		{name: "database killed -9", begin: c.postgres.Kill, end: c.postgres.Restart},
		{
			name:  "broker killed -9, a gateway without a spool",
			begin: func() { c.restartSecond("BOTGATE_ON_BROKER_ERROR=reject"); c.rabbit.Kill() },
			end:   func() { c.rabbit.Restart(); c.restartSecond("BOTGATE_ON_BROKER_ERROR=spool") },
		},
		{
			name:  "bot refuses everything",
			begin: func() { c.bot.failWith(func(delivered) int { return http.StatusServiceUnavailable }) },
			end:   func() { c.bot.failWith(func(delivered) int { return 0 }) },
		},
		{
			name:  "dispatch killed -9",
			begin: func() { c.kills++; c.backends[2].kill() }, end: c.reviveDispatch,
		},
		{
			name:  "record killed -9",
			begin: c.backends[1].kill, end: func() { c.backends[1] = c.backend("record") },
		},
	}
}

// restartSecond starts the second gateway anew with another setting.
func (c *chaos) restartSecond(setting string) {
	c.second.gateway.kill()
	c.second.env = append(c.second.env, setting)
	c.second.startGateway()
}
