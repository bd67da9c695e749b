package slowsql

import (
	"regexp"
	"slices"
	"strings"
)

// maxTables is how many tables are in a name.
const maxTables = 4

var (
	verb  = regexp.MustCompile(`(?i)\b(select|insert|update|delete|copy|merge|create|alter|drop|begin|commit|rollback|lock|listen|set|show)\b`)
	table = regexp.MustCompile(`(?i)\b(from|into|update|join|copy|table)\s+(?:only\s+)?"?([a-z_][a-z0-9_.]*)"?(\s*\()?`)
)

// notTables are words that stand where a table could: "do update set", "for update skip locked", "from stdin".
var notTables = []string{"set", "skip", "of", "nowait", "select", "only", "if", "stdin"}

// Name is what a statement is called where its text would be too long: what it does first, and with which tables,
// as "select events users". No value is in it.
func Name(statement string) string {
	name := []string{"other"}
	if found := verb.FindString(statement); found != "" {
		name[0] = strings.ToLower(found)
	}
	for _, found := range table.FindAllStringSubmatch(statement, -1) {
		before, what := strings.ToLower(found[1]), strings.ToLower(found[2])
		isFunction := found[3] != "" && (before == "from" || before == "join")
		if isFunction || slices.Contains(notTables, what) || slices.Contains(name[1:], what) {
			continue
		}
		if name = append(name, what); len(name) > maxTables {
			break
		}
	}
	return strings.Join(name, " ")
}
