package testsvc

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// StartPostgresStandby starts a private PostgreSQL that follows the primary by streaming
// replication and answers reads.
func StartPostgresStandby(t testing.TB, primary *Server) *Server {
	t.Helper()
	return startServer(t, postgresStandby(primary))
}

// postgresStandby has the settings of every other server here: a standby with less room
// for connections than its primary would not start.
func postgresStandby(primary *Server) *kind {
	standby := postgresKind
	standby.setup = func(i *instance) error {
		return i.run(pgCommand(i, "pg_basebackup", "-h", "127.0.0.1", "-p", primary.Port(), "-U", "postgres",
			"-D", "data", "-R", "-X", "stream", "-c", "fast", "--no-sync"))
	}
	return &standby
}

// Promote makes a standby of StartPostgresStandby a primary, and waits until it takes writes.
func (s *Server) Promote() {
	s.t.Helper()
	s.check(s.instance.run(pgCommand(s.instance, "pg_ctl", "-D", "data", "-w", "promote")))
}

// Follow makes a standby of StartPostgresStandby follow another primary, or with nil none.
// It does not wait.
func (s *Server) Follow(primary *Server) {
	s.t.Helper()
	address := ""
	if primary != nil {
		address = "host=127.0.0.1 user=postgres port=" + primary.Port()
	}
	s.Configure("primary_conninfo", address)
}

// Configure changes a setting of a server of StartPostgres or StartPostgresStandby, which
// has to be one that needs no restart.
func (s *Server) Configure(setting, value string) {
	s.t.Helper()
	s.Execute(fmt.Sprintf("alter system set %s = '%s'", setting, value))
	s.Execute("select pg_reload_conf()")
}

// Execute runs a statement on a server of StartPostgres or StartPostgresStandby, as its
// superuser.
func (s *Server) Execute(statement string) {
	s.t.Helper()
	execute(s.t, s.URL, statement)
}

// pgCommand is a program of the server's own version.
func pgCommand(i *instance, program string, args ...string) *exec.Cmd {
	return command(filepath.Join(filepath.Dir(i.binary), program), args...)
}
