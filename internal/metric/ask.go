package metric

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// askTimeout bounds a question, and what a scrape waits for the answer.
	askTimeout = 2 * time.Second
	// freshFor is how long an answer is shown again, so that no number of scrapes is a burden.
	freshFor = time.Second
)

// Ask is a question that scrapes put to another service. A scrape is held up for some seconds at most, also
// where the one who is asked hangs and heeds no context: there is one question under way at a time.
type Ask[T any] struct {
	question func(context.Context) (T, error)
	flights  singleflight.Group

	mu     sync.Mutex
	last   answer[T]
	lastAt time.Time
}

type answer[T any] struct {
	value T
	err   error
}

// NewAsk makes a question. It must end at some time, and should soon after its context does.
func NewAsk[T any](question func(context.Context) (T, error)) *Ask[T] {
	return &Ask[T]{question: question}
}

// Answer asks, unless there is an answer of the last second. Without one in time the error is
// [context.DeadlineExceeded].
func (a *Ask[T]) Answer() (T, error) {
	a.mu.Lock()
	last, age := a.last, time.Since(a.lastAt)
	a.mu.Unlock()
	if age < freshFor {
		return last.value, last.err
	}
	answers := a.flights.DoChan("", func() (any, error) { return a.ask(), nil })
	select {
	case result := <-answers:
		given := result.Val.(answer[T])
		return given.value, given.err
	case <-time.After(askTimeout):
		var none T
		return none, context.DeadlineExceeded
	}
}

func (a *Ask[T]) ask() (given answer[T]) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	given.value, given.err = a.question(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last, a.lastAt = given, time.Now()
	return given
}
