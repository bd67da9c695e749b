package postgres

import (
	"slices"
	"time"

	"github.com/botgate/botgate/backend/store"
)

// enterLogArrays are the arguments of enterLog: days, buckets, and the users with the
// earliest time of their events.
func enterLogArrays(b *batch) []any {
	earliest := make(map[string]time.Time, len(b.rows))
	for _, e := range b.rows {
		if at, seen := earliest[e.Subject]; e.Subject != "" && (!seen || e.AcceptedAt().Before(at)) {
			earliest[e.Subject] = e.AcceptedAt()
		}
	}
	hashes, times := make([][]byte, 0, len(earliest)), make([]time.Time, 0, len(earliest))
	for subject, at := range earliest {
		hashes, times = append(hashes, store.HashSubject(subject)), append(times, at)
	}
	return []any{b.lockedDays(), b.buckets, hashes, times}
}

// dayNumbers returns the days of the rows' events, each once.
func dayNumbers(rows []store.Entry) []int32 {
	days := make([]int32, 0, 2)
	for _, e := range rows {
		if day := dayNumber(e.EventTime); !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	return days
}

// statusArrays are the arguments of claimStatus, and the first of mergeStatus.
func statusArrays(all []store.Projection) []any {
	n := len(all)
	ids, bots, types := make([]string, n), make([]string, n), make([]string, n)
	times, updates, known := make([]time.Time, n), make([]time.Time, n), make([]bool, n)
	statuses, attempts, replays := make([]int16, n), make([]int32, n), make([]int32, n)
	for i, p := range all {
		ids[i], bots[i], types[i], times[i], known[i] = p.EventID, p.Bot, p.EventType, p.EventTime, p.Event != nil
		statuses[i], updates[i] = int16(store.Code(p.State.Status)), p.State.UpdatedAt
		attempts[i], replays[i] = int32(p.State.Attempts), int32(p.State.Replays)
	}
	return []any{ids, times, bots, types, known, statuses, attempts, replays, updates}
}

// logArrays are the arguments of insertLog.
func logArrays(rows []store.Entry, slot int32) []any {
	const texts = 11
	columns := make([][]string, texts)
	for i := range columns {
		columns[i] = make([]string, len(rows))
	}
	n := len(rows)
	times, recorded, notBefore := make([]time.Time, n), make([]time.Time, n), make([]*time.Time, n)
	attempts, replays, took := make([]*int32, n), make([]*int32, n), make([]*int32, n)
	buckets, statuses, bodies := make([]int16, n), make([]int16, n), make([][]byte, n)
	for i, e := range rows {
		for c, v := range [texts]string{
			e.ID, e.Ref, e.Bot, e.EventType, e.Subject, e.OrderKey, e.VerifiedBy, e.TraceParent, e.RequestID, e.ContentType,
			string(e.Headers),
		} {
			columns[c][i] = v
		}
		times[i], recorded[i] = store.Micros(e.Time), e.RecordedAt
		if !e.NotBefore.IsZero() {
			at := store.Micros(e.NotBefore)
			notBefore[i] = &at
		}
		if e.Ref != "" {
			numbers := [3]int32{int32(e.State.Attempts), int32(e.State.Replays), int32(e.Took.Milliseconds())}
			attempts[i], replays[i], took[i] = &numbers[0], &numbers[1], &numbers[2]
		}
		buckets[i], statuses[i] = int16(e.Bucket), int16(store.Code(e.State.Status))
		bodies[i] = e.Data
		if e.Data == nil {
			bodies[i] = []byte{} // nil would be null
		}
	}
	args := []any{slot, times, recorded, notBefore, attempts, replays, took, buckets, statuses}
	for _, column := range columns {
		args = append(args, column)
	}
	return append(args, bodies)
}

// userArrays are the arguments of addUsers.
func userArrays(rows []store.Entry) []any {
	all := store.CountUsers(rows)
	n := len(all)
	subjects, bots := make([]string, n), make([]string, n)
	days, firsts, lasts := make([]int32, n), make([]time.Time, n), make([]time.Time, n)
	counts := make(countArrays, store.CountColumns)
	for i := range all {
		c := &all[i]
		numbers := c.Counts.Numbers()
		subjects[i], bots[i], days[i], firsts[i], lasts[i] = c.Subject, c.Bot, dayNumber(c.Day), c.First, c.Last
		counts.set(i, n, numbers[:])
	}
	return append([]any{subjects, bots, days, firsts, lasts}, counts.arrays()...)
}

// botArrays are the arguments of addBots.
func botArrays(rows []store.Entry, slot int32) []any {
	all := store.CountBots(rows)
	n := len(all)
	bots, minutes, days, took := make([]string, n), make([]time.Time, n), make([]int32, n), make([]int64, n)
	counts := make(countArrays, activityColumns)
	for i := range all {
		c := &all[i]
		bots[i], minutes[i], days[i], took[i] = c.Bot, c.Minute, dayNumber(c.Day), c.Duration.Milliseconds()
		counts.set(i, n, c.Numbers())
	}
	return append([]any{slot, bots, minutes, days, took}, counts.arrays()...)
}

// countArrays has an array for each column of counters, which is nil while all of it are 0: most
// are, and need not be sent.
type countArrays [][]int32

// set sets the counters of one of n rows.
func (a countArrays) set(i, n int, numbers []int64) {
	for column, count := range numbers {
		if count == 0 {
			continue
		}
		if a[column] == nil {
			a[column] = make([]int32, n)
		}
		a[column][i] = int32(count)
	}
}

func (a countArrays) arrays() []any {
	all := make([]any, len(a))
	for i := range a {
		all[i] = a[i]
	}
	return all
}
