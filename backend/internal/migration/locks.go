package migration

import (
	"regexp"
	"strings"

	"github.com/botgate/botgate/backend/internal/sqldb"
)

// What others wait for while a migration has a table locked.
const (
	allWait    = "reads and writes wait"
	writesWait = "writes wait"
	rowsWait   = "writes of the same rows wait"
	fileWaits  = "writes to the file wait"
)

// Lock is what a migration locks until it ends, in a table that is there before.
type Lock struct {
	Table, Waits string
	// Rows is about how many rows the migration goes through; 0 where it changes definitions only.
	Rows int64

	all bool
}

var (
	remark = regexp.MustCompile(`--[^\n]*`)
	made   = regexp.MustCompile(`(?is)^\s*create table (?:if not exists )?(\w+)`)
	// locking has the kinds of statements of which one is looked for at the beginning of each.
	locking = []struct {
		statement *regexp.Regexp
		waits     string
		// all says that the kind goes through the rows always, rows in which cases.
		all  bool
		rows *regexp.Regexp
	}{
		{
			regexp.MustCompile(`(?is)^\s*alter table (?:if exists )?(?:only )?(\w+)`), allWait, false,
			regexp.MustCompile(`(?is)\btype\b|\bset not null\b|\bconstraint\b|\bunique\b|\bprimary key\b|\bcheck\b|\bdrop column\b`),
		},
		{regexp.MustCompile(`(?is)^\s*create (?:unique )?index (?:if not exists )?\w+ on (?:only )?(\w+)`), writesWait, true, nil},
		{regexp.MustCompile(`(?is)^\s*drop table (?:if exists )?(\w+)`), allWait, false, nil},
		{regexp.MustCompile(`(?is)^\s*(?:update|delete from) (?:only )?(\w+)`), rowsWait, true, nil},
		{regexp.MustCompile(`(?is)^\s*insert into \w+.*\bfrom (\w+)`), rowsWait, true, nil},
	}
)

// locks finds what the statements of a migration lock. It passes over the tables that were made by
// it or by those before, and adds to them.
func locks(dialect sqldb.Dialect, text string, isNew map[string]bool) (all []Lock) {
	for statement := range strings.SplitSeq(remark.ReplaceAllString(text, ""), ";") {
		if found := made.FindStringSubmatch(statement); found != nil {
			isNew[found[1]] = true
			continue
		}
		for _, kind := range locking {
			found := kind.statement.FindStringSubmatch(statement)
			if found == nil || isNew[found[1]] {
				continue
			}
			waits := kind.waits
			if dialect == sqldb.SQLite {
				waits = fileWaits
			}
			all = add(all, Lock{Table: found[1], Waits: waits, all: kind.all || kind.rows != nil && kind.rows.MatchString(statement)})
		}
	}
	return all
}

// add joins locks of one kind on one table.
func add(all []Lock, next Lock) []Lock {
	for i := range all {
		if all[i].Table == next.Table && all[i].Waits == next.Waits {
			all[i].all = all[i].all || next.all
			return all
		}
	}
	return append(all, next)
}
