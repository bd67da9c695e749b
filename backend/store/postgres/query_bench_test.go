package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store/storetest"
)

// BenchmarkList measures pages of a log of 72,000 rows; BOTGATE_LIST_ROWS=10000800 of ten million, which takes some 5 GB
// and minutes to fill:
//
//	go test -tags nobadger,nomysql,nopgx -run - -bench List -timeout 1h ./backend/store/postgres
func BenchmarkList(b *testing.B) {
	s, _ := traced(b)
	const step = 2 * rareEvents * kinds
	events := storetest.ListRows(b) / step * step / 2
	fillLog(b, s, events)
	storetest.BenchmarkList(b, s)
	b.Run("get", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Get(b.Context(), logID(middle(events)))
			require.NoError(b, err)
		}
	})
}
