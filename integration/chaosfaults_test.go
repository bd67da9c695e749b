package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/stretchr/testify/require"
)

// alertFaults are faults that the other chaos tests have beside others. The last one leaves the second gateway on a
// small disk.
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
			name:  "broker gone, a gateway without a spool",
			begin: func() { c.restartSecond("BOTGATE_ON_BROKER_ERROR=reject"); c.rabbit.Kill() },
			end:   func() { c.rabbit.Restart(); c.restartSecond("BOTGATE_ON_BROKER_ERROR=spool") },
		},
		{
			name:  "dispatch killed -9",
			begin: func() { c.kills++; c.backends[2].kill() }, end: c.reviveDispatch,
		},
		{
			name:  "record killed -9",
			begin: func() { c.backends[1].kill() }, end: func() { c.backends[1] = c.backend("record") },
		},
		{name: "Caddyfile refused", begin: c.loadNonsense, end: func() { c.reloadByAPI(c.t) }},
		c.refusedFile(),
		c.fullDisk(),
	}
}

// loadNonsense gives the gateway its configuration with an app that there is not.
func (c *chaos) loadNonsense() {
	c.t.Helper()
	a, err := send(http.MethodPost, "http://"+c.admin+"/config/apps/nonsense", http.Header{"Content-Type": {"application/json"}}, []byte("{}"))
	require.NoError(c.t, err)
	require.NotEqual(c.t, http.StatusOK, a.status)
}

// refusedFile is a bots file that nobody can read.
func (c *chaos) refusedFile() fault {
	path := filepath.Join(c.dir, "data", "bots.json")
	write := func(content []byte) { require.NoError(c.t, os.WriteFile(path, content, 0o600)) }
	before, err := os.ReadFile(path)
	require.NoError(c.t, err)
	return fault{name: "bots file refused", begin: func() { write([]byte("{")) }, end: func() { write(before) }}
}

// fullDisk is one under the spool that is needed.
func (c *chaos) fullDisk() fault {
	var disk *smallDisk
	return fault{
		name: "broker gone, a gateway's disk full",
		begin: func() {
			c.second.gateway.stop() // Which leaves no file behind that SQLite could write ahead to.
			disk = startOnSmallDisk(c.t, c.second)
			disk.fill()
			c.rabbit.Kill()
		},
		end: func() { c.rabbit.Restart(); disk.free() },
	}
}

// botFaults are those of bots.
func (c *chaos) botFaults(bots *neighbours) []fault {
	answering := func(b *bot, status int) { b.failWith(func(delivered) int { return status }) }
	sent := 0
	send := func(bot string) {
		for range 30 {
			sent++
			c.commandTo(bot, fmt.Sprint("user-", sent), sent)
		}
	}
	return []fault{
		{
			name:  "bot refuses everything",
			begin: func() { answering(c.bot, http.StatusServiceUnavailable) }, end: func() { answering(c.bot, 0) },
		},
		{name: "a bot hangs", begin: func() { send("hangs") }, end: bots.heal},
		{
			name:  "bot wants no event",
			begin: func() { answering(bots.down, http.StatusGone); send("down") }, end: func() { answering(bots.down, 0) },
		},
	}
}

// restartSecond starts the second gateway anew with another setting.
func (c *chaos) restartSecond(setting string) {
	c.second.gateway.kill()
	c.second.env = append(c.second.env, setting)
	c.second.startGateway()
}
