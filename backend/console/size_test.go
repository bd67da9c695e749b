package console_test

import (
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/console"
)

// fullList is a desk with a page of fifty events as they are: of platforms' users, some of which failed.
func fullList(t testing.TB, change ...func(*console.Config)) *visitor {
	t.Helper()
	d := newDesk(t, change...)
	for i := range 50 {
		e := command(t, "support-desk", fmt.Sprintf("telegram|%d", 512345678+i), time.Duration(i)*time.Second, `{}`)
		e.Type = "telegram.callback_query"
		if i%5 == 0 {
			d.add(e, failed(1, time.Second), dead(2, 0))
		} else {
			d.add(e, delivered(0))
		}
	}
	return d.signIn(operator)
}

// TestListIsSmall: a page of fifty events has less than 40 KiB, and what all pages load less than 60 KiB.
func TestListIsSmall(t *testing.T) {
	t.Parallel()
	v := fullList(t)
	page := v.page("/console/events")
	require.Len(t, shownIDs(page), 50)
	require.Less(t, len(page), 40<<10)
	require.Less(t, console.AssetsSize(t), 60<<10)
}

// TestListAllocatesLittle: less than 1 MiB for a page of fifty, beside what the API needs.
func TestListAllocatesLittle(t *testing.T) { //nolint:paralleltest // It counts what the process allocates.
	answers := map[string]string{}
	v := fullList(t, func(c *console.Config) {
		backend := c.API
		c.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if known, ok := answers[r.URL.String()]; ok {
				_, _ = w.Write([]byte(known))
				return
			}
			kept := &keeping{ResponseWriter: w}
			backend.ServeHTTP(kept, r)
			answers[r.URL.String()] = string(kept.body)
		})
	})
	v.page("/console/events")
	const pages = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range pages {
		v.page("/console/events")
	}
	runtime.ReadMemStats(&after)
	require.Less(t, (after.TotalAlloc-before.TotalAlloc)/pages, uint64(1<<20))
}

// keeping remembers what is written.
type keeping struct {
	http.ResponseWriter
	body []byte
}

func (k *keeping) Write(p []byte) (int, error) {
	k.body = append(k.body, p...)
	return k.ResponseWriter.Write(p)
}

// BenchmarkList is a page of fifty, with the API and its database.
func BenchmarkList(b *testing.B) {
	v := fullList(b)
	b.ReportAllocs()
	for b.Loop() {
		v.page("/console/events")
	}
}
