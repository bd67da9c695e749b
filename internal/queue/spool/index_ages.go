package spool

import (
	"cmp"
	"slices"
	"time"
)

// ages knows how old the oldest of many events is, to the minute, without a place for each of them:
// it counts them by the minute of their acceptance. An age is never told too low.
type ages struct {
	minutes []minute // In order.
	n       int
}

type minute struct {
	number int64     // Since 1970.
	first  time.Time // The earliest that was ever counted in it.
	n      int
}

// find returns where a time's minute is, or belongs.
func (a *ages) find(t time.Time) (at int, found bool) {
	return slices.BinarySearchFunc(a.minutes, minuteOf(t), func(m minute, number int64) int {
		return cmp.Compare(m.number, number)
	})
}

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

func (a *ages) add(t time.Time) {
	at, found := a.find(t)
	if !found {
		a.minutes = slices.Insert(a.minutes, at, minute{number: minuteOf(t), first: t})
	}
	m := &a.minutes[at]
	m.n++
	if t.Before(m.first) {
		m.first = t
	}
	a.n++
}

// remove takes out a time that was added.
func (a *ages) remove(t time.Time) {
	at, found := a.find(t)
	if !found {
		return
	}
	a.n--
	if a.minutes[at].n--; a.minutes[at].n == 0 {
		a.minutes = slices.Delete(a.minutes, at, at+1)
	}
}

// oldest is the zero time when there is none.
func (a *ages) oldest() time.Time {
	if a.n == 0 {
		return time.Time{}
	}
	return a.minutes[0].first
}
