package rebalance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/store"
)

const (
	// pageBytes is about how much of a log is copied at once, and pageEntries bounds that.
	pageBytes   = 4 << 20
	pageEntries = 1000
	// firstPage is how many entries are read before anything is known of their size.
	firstPage = 100
	// late is how long after it was recorded an entry may appear: as long as a transaction
	// takes, and what the clocks of those who record differ by.
	late = store.LogSettled + 30*time.Second
	// maxSkew is what the clock here may differ from those.
	maxSkew = 15 * time.Minute
	// shortPass is a pass after which no other one is made: what is left is less, and holds
	// up the source's appends for less than that. maxPasses are made at most.
	shortPass = time.Second
	maxPasses = 20
	// lastTime bounds the last pass, while the source's appends wait.
	lastTime = 10 * time.Second
)

// copying takes entries of buckets from one shard to another.
type copying struct {
	from, to shard
	buckets  []int
	progress func(step string, entries int64)
	// since is when what the next pass has to look at was recorded at the earliest.
	since time.Time
	// newest is the latest time of recording that was met.
	newest time.Time
}

// most copies what there is and then what is recorded meanwhile, until that is little.
func (c *copying) most(ctx context.Context) error {
	if err := c.erasures(ctx); err != nil {
		return err
	}
	if err := c.pass(ctx, "copy"); err != nil {
		return err
	}
	for range maxPasses {
		began := time.Now()
		if err := c.pass(ctx, "catch up"); err != nil {
			return err
		}
		if time.Since(began) < shortPass {
			return nil
		}
	}
	return nil
}

// rest copies what is left while nothing is recorded. It fails when that takes too long.
func (c *copying) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastTime)
	defer cancel()
	if err := c.pass(ctx, "fence"); err != nil {
		return fmt.Errorf("with %s to spare: %w", lastTime, err)
	}
	return nil
}

// pass copies what the passes before may have missed: what appeared in the log while they
// were under way.
func (c *copying) pass(ctx context.Context, step string) error {
	// An entry that this pass misses was recorded after begin: the recorders' clocks have reached
	// newest, and an entry appears within late.
	begin := latest(c.newest.Add(-late), time.Now().Add(-late-maxSkew))
	var done int64
	var after store.Position
	for limit := firstPage; ; {
		entries, err := c.from.ReadBuckets(store.Fresh(ctx), c.buckets, after, c.since, limit)
		if err != nil {
			return fmt.Errorf("shard %s: %w", c.from.name, err)
		}
		if len(entries) == 0 {
			break
		}
		if err := c.to.Import(ctx, entries); err != nil {
			return fmt.Errorf("shard %s: %w", c.to.name, err)
		}
		for _, e := range entries {
			c.newest = latest(c.newest, e.RecordedAt)
		}
		last := entries[len(entries)-1]
		after = store.Position{Time: last.EventTime, ID: last.ID}
		done += int64(len(entries))
		c.progress(step, done)
		if len(entries) < limit {
			break
		}
		limit = nextPage(entries)
	}
	c.since = begin
	return nil
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// nextPage is how many entries of that size make a page.
func nextPage(entries []store.Entry) int {
	bytes := 0
	for _, e := range entries {
		bytes += len(e.Data) + 500
	}
	return min(max(1, pageBytes*len(entries)/bytes), pageEntries)
}

// erasures makes the new shard refuse what was erased in the other one.
func (c *copying) erasures(ctx context.Context) error {
	var after []byte
	for {
		all, err := c.from.Erasures(store.Fresh(ctx), after, pageEntries)
		if err != nil {
			return fmt.Errorf("shard %s: %w", c.from.name, err)
		}
		if len(all) == 0 {
			return nil
		}
		if err := c.to.ImportErasures(ctx, all); err != nil {
			return fmt.Errorf("shard %s: %w", c.to.name, err)
		}
		after = all[len(all)-1].Hash
	}
}
