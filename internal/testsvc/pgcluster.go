package testsvc

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// StartPostgresStandby starts a private PostgreSQL that follows the primary by streaming
// replication and answers reads. A standby promoted takes writes; to follow another one,
// a standby is started anew.
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
