package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
)

func BenchmarkAppend(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "events.db"))
	for _, size := range []int{1, 50, 500} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			storetest.BenchmarkAppend(b, size, func(batch []*event.Event) error { return storetest.Append(b.Context(), s, batch) })
		})
	}
}
