package shard

import (
	"fmt"
	"io"
	"time"

	"github.com/botgate/botgate/backend/store/sharded"
)

// tellEvery is the time between two lines of the same step.
const tellEvery = 5 * time.Second

// teller prints the progress: each step when it begins, and now and then how far it is.
type teller struct {
	out  io.Writer
	last string
	at   time.Time
}

func (t *teller) tell(p sharded.Progress) {
	step := p.Step + p.From + sharded.Spans(p.Buckets)
	if now := time.Now(); step != t.last || now.Sub(t.at) >= tellEvery {
		t.last, t.at = step, now
		fmt.Fprintln(t.out, p)
	}
}
