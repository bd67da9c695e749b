package replicas

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrTooManyConns means that this process alone may open more connections than the server
// takes.
var ErrTooManyConns = errors.New("more connections than the database server takes")

// claimPrefix begins the application_name of our connections, which goes on with how many
// the process may have, and with what tells processes apart.
const claimPrefix = "botgate/"

// fitQuery has a row for each process that is connected, and at least one; the first column
// is how many connections the server takes from us. Everybody may see the names and users
// of all connections. Senders of the log have connections of their own.
const fitQuery = `select least(
         current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - coalesce(current_setting('reserved_connections', true)::int, 0),
         (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user),
         (select nullif(datconnlimit, -1) from pg_database where datname = current_database())),
       application_name, count(*), current_setting('application_name')
from pg_stat_activity
where usesysid is not null and coalesce(backend_type, 'client backend') = 'client backend'
group by application_name`

// fit is whether the connections of all processes have room on a server.
type fit struct {
	// limit is what the server takes from us.
	limit int
	// own is the most that this process opens, claimed that of all processes with this one.
	own, claimed, processes int
	// others are the connections of other programs, at present.
	others int
}

func (f fit) err() error {
	if f.own <= f.limit {
		return nil
	}
	return fmt.Errorf("%w: this process may open %d, the server takes %d: make the pool smaller or max_connections larger",
		ErrTooManyConns, f.own, f.limit)
}

// all reports whether there is room for everybody.
func (f fit) all() bool { return f.claimed+f.others <= f.limit }

// add counts the connections of one name.
func (f *fit) add(name string, count int, own string) {
	claim, ok := claimOf(name)
	if !ok {
		if name != own {
			f.others += count
		}
		return
	}
	f.claimed += claim
	f.processes++
}

// claimOf reads how many connections the process of this name may have.
func claimOf(name string) (int, bool) {
	rest, ours := strings.CutPrefix(name, claimPrefix)
	number, _, ok := strings.Cut(rest, "/")
	claim, err := strconv.Atoi(number)
	return claim, ours && ok && err == nil && claim > 0
}

// measureFit asks the server of a connection.
func (p *Pools) measureFit(ctx context.Context, conn *pgconn.PgConn) (fit, error) {
	results, err := conn.Exec(ctx, fitQuery).ReadAll()
	if err != nil {
		return fit{}, fmt.Errorf("asking for the connections: %w", err)
	}
	f := fit{own: int(p.write.Stat().MaxConns()) + 1}
	for _, row := range results[0].Rows {
		limit, errLimit := strconv.Atoi(string(row[0]))
		count, errCount := strconv.Atoi(string(row[2]))
		if err := errors.Join(errLimit, errCount); err != nil {
			return fit{}, fmt.Errorf("reading the connections: %w", err)
		}
		f.limit = limit
		f.add(string(row[1]), count, string(row[3]))
	}
	if f.processes == 0 { // We go by another name.
		f.claimed, f.processes = f.own, 1
	}
	return f, nil
}

// Check asks the primary whether it takes as many connections as this process may open, and
// returns [ErrTooManyConns] if not. That the connections of all processes have no room is a
// warning in the log, whenever a server is connected to.
func (p *Pools) Check(ctx context.Context) error {
	conn, err := p.write.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	f, err := p.measureFit(ctx, conn.Conn().PgConn())
	if err != nil {
		return err
	}
	return f.err()
}

func (p *Pools) checkFit(ctx context.Context, conn *pgconn.PgConn, n *node) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.StatementTimeout)
	defer cancel()
	f, err := p.measureFit(ctx, conn)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		p.log.Warn("it is unknown whether the database server has room for the connections of all processes", "server", n.address, "error", err)
	case !f.all():
		p.log.Warn("the database server has no room for the connections of all processes: make the pools smaller or max_connections larger",
			"server", n.address, "max", f.limit, "this_process", f.own, "all_processes", f.claimed, "processes", f.processes, "other_programs", f.others)
	}
}
