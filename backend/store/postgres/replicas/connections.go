package replicas

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ErrTooManyConns means that this process alone may open more connections than the server
// takes.
var ErrTooManyConns = errors.New("more connections than the database server takes")

// namePrefix begins the application_name of our connections. It goes on with the most that the
// process opens, and with what tells processes apart.
const namePrefix = "botgate/"

// budgetQuery has a row for each process that is connected, and at least one; the first column
// is how many connections the server takes from us. Every role may see the names and users of
// all connections. WAL senders do not count.
const budgetQuery = `select least(
         current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - coalesce(current_setting('reserved_connections', true)::int, 0),
         (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user),
         (select nullif(datconnlimit, -1) from pg_database where datname = current_database())),
       coalesce(application_name, '') as application_name, count(*), current_setting('application_name')
from pg_stat_activity
where usesysid is not null and coalesce(backend_type, 'client backend') = 'client backend'
group by application_name`

// connectionBudget compares the connections that all processes may open with what a server
// takes.
type connectionBudget struct {
	// limit is what the server takes from us.
	limit int
	// own is the most that this process opens, total that of all processes with this one.
	own, total, processes int
	// others are the connections that other programs have now.
	others int
}

func (b connectionBudget) err() error {
	if b.own <= b.limit {
		return nil
	}
	return fmt.Errorf("%w: this process may open %d, the server takes %d: make the pool smaller or max_connections larger",
		ErrTooManyConns, b.own, b.limit)
}

// enough reports whether there is room for the connections of all processes.
func (b connectionBudget) enough() bool { return b.total+b.others <= b.limit }

// add counts the connections of one name.
func (b *connectionBudget) add(name string, count int, own string) {
	most, ok := maxConnsOf(name)
	if !ok {
		if name != own {
			b.others += count
		}
		return
	}
	b.total += most
	b.processes++
}

// applicationName names all connections of one process to one shard, and with it how many there
// may be: the pool's and one for probes.
func applicationName(poolConns int32) string {
	return fmt.Sprintf("%s%d/%s", namePrefix, poolConns+1, strings.ToLower(rand.Text()[:10]))
}

// maxConnsOf reads the most connections of a process out of its [applicationName].
func maxConnsOf(name string) (int, bool) {
	rest, ours := strings.CutPrefix(name, namePrefix)
	number, _, ok := strings.Cut(rest, "/")
	most, err := strconv.Atoi(number)
	return most, ours && ok && err == nil && most > 0
}

// readBudget asks the server of a connection.
func (c *Cluster) readBudget(ctx context.Context, conn *pgx.Conn) (connectionBudget, error) {
	b := connectionBudget{own: int(c.primary.Stat().MaxConns()) + 1}
	var name, own string
	var count int
	// ForEachRow returns the error of Query as well.
	rows, _ := conn.Query(ctx, budgetQuery, pgx.QueryExecModeSimpleProtocol)
	_, err := pgx.ForEachRow(rows, []any{&b.limit, &name, &count, &own}, func() error {
		b.add(name, count, own)
		return nil
	})
	if err != nil {
		return b, fmt.Errorf("asking for the connections: %w", err)
	}
	if b.processes == 0 { // The URL sets another application_name.
		b.total, b.processes = b.own, 1
	}
	return b, nil
}

// CheckConnections asks the primary whether it takes as many connections as this process may
// open, and returns [ErrTooManyConns] if not. That there is no room for the connections of all
// processes is a warning in the log, whenever a server is connected to.
func (c *Cluster) CheckConnections(ctx context.Context) error {
	conn, err := c.primary.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	b, err := c.readBudget(ctx, conn.Conn())
	if err != nil {
		return err
	}
	return b.err()
}

func (c *Cluster) warnIfOvercommitted(ctx context.Context, conn *pgx.Conn, n *node) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.StatementTimeout)
	defer cancel()
	b, err := c.readBudget(ctx, conn)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		c.log.Warn("it is unknown whether the database server has room for the connections of all processes", "server", n.address, "error", err)
	case !b.enough():
		c.log.Warn("the database server has no room for the connections of all processes: make the pools smaller or max_connections larger",
			"server", n.address, "max", b.limit, "this_process", b.own, "all_processes", b.total, "processes", b.processes, "other_programs", b.others)
	}
}
