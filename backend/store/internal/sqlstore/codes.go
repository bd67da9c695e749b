package sqlstore

import (
	"strconv"
	"strings"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// codes has statuses in braces with their codes.
var codes = func() *strings.Replacer {
	var pairs []string
	for _, s := range append(event.Statuses(), event.Asides()...) {
		pairs = append(pairs, "{"+string(s)+"}", strconv.Itoa(store.Code(s)))
	}
	return strings.NewReplacer(pairs...)
}()

// Codes puts the codes of statuses, see [store.Code], in the place of names such as {delivered}.
// They are literals, since the planner must see that a query is within a partial index.
func Codes(query string) string { return codes.Replace(query) }
