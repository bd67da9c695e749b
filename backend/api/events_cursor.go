package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/problem"
)

// A cursor of a list of events is a position and, behind a dot, the key of the list: with another filter
// or order it would leave out, without a word, what comes before the position there.

// listKey is the same for pages of the same list. The window counts as it was asked for: an age, such as
// 24h, is another time with each page.
func listKey(q store.Query, from, to string) string {
	statuses := slices.Clone(q.Statuses)
	slices.Sort(statuses)
	parts := []any{q.Bot, q.Subject, q.Type, q.VerifiedBy, q.OrderKey, q.Search, statuses, q.Oldest, from, to}
	if q.Body != "" { // Cursors of before there was such a filter go on.
		parts = append(parts, q.Body)
	}
	list, _ := json.Marshal(parts) // Text always can be.
	sum := sha256.Sum256(list)
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

func boundCursor(p store.Position, key string) string { return p.Cursor() + "." + key }

// readBoundCursor reads what boundCursor made, out of a parameter.
func readBoundCursor(parameter, cursor, key string) (store.Position, error) {
	place, of, _ := strings.Cut(cursor, ".")
	p, ok := store.ParseCursor(place)
	switch {
	case !ok:
		return p, problem.Malformed.WithDetail("The parameter %s %s.", parameter, cursorForm)
	case of != key:
		return p, problem.Malformed.WithDetail("The parameter %s belongs to another list: ask with the same filter and order.", parameter)
	}
	return p, nil
}
