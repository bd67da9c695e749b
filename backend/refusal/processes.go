package refusal

import (
	"context"
	"time"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/internal/report"
)

const (
	// present is how old the last report of a process may be that is there: each reports every minute.
	present = 5 * time.Minute
	// maxProcesses bounds how many an answer is about.
	maxProcesses = 500
)

// Process is one of the installation.
type Process struct {
	report.Process

	// Instance is its name, as in its logs, and SeenAt when it reported last.
	Instance string
	SeenAt   time.Time
}

// setProcess replaces what is known of a process, unless that is newer.
func setProcess(ctx context.Context, db sqldb.Executor, instance string, at time.Time, p *report.Process) error {
	if p == nil {
		return nil
	}
	return writeSaid(ctx, db, p, `insert into processes (instance, service, at, document) values ($1, $2, $3, $4)
on conflict (instance, service) do update set at = excluded.at, document = excluded.document where processes.at < excluded.at`,
		clean(instance), clean(p.Service), at.UnixMicro())
}

// Saw records how a process does.
func (l *Log) Saw(ctx context.Context, instance string, p *report.Process) error {
	return l.Failed("recording a process", setProcess(ctx, l.DB.Writer, instance, time.Now(), p))
}

// Processes returns those that reported lately, by name.
func (l *Log) Processes(ctx context.Context) ([]Process, error) {
	all, err := readSaid[report.Process](ctx, l.DB.Reader,
		`select instance, at, document from processes where at >= $1 order by service, instance limit $2`,
		time.Now().Add(-present).UnixMicro(), maxProcesses)
	processes := make([]Process, len(all))
	for i, s := range all {
		processes[i] = Process{Process: s.document, Instance: s.by, SeenAt: s.at}
	}
	return processes, l.Failed("reading processes", err)
}
