package refusal

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/internal/report"
)

const (
	// MaxScan is how many rows a question looks through.
	MaxScan = 25_000
	// MaxGroups bounds the groups of an answer.
	MaxGroups = 200
	// maxText is the longest text that is kept, in bytes: gateways cut theirs before.
	maxText = 512
)

// Query chooses refusals. Empty fields do not filter.
type Query struct {
	report.Refusal

	// From and To bound when, in whole minutes: From is included, To is not. Required.
	From, To time.Time
	// Step is the length of the parts that are summed up. Required.
	Step time.Duration
	// Samples is how many samples are wanted.
	Samples int
}

// Group is what was refused of one kind.
type Group struct {
	report.Count

	// First and Last are the minutes of the first and the last.
	First, Last time.Time
}

// Point is how many requests were refused within a step.
type Point struct {
	// At is its beginning.
	At    time.Time
	Count int64
}

// Sample is a refused request.
type Sample struct {
	report.Sample

	// Gateway is the one that refused it.
	Gateway string
}

// Result is what was refused.
type Result struct {
	// Total counts all, and Lumped those without the platform or bot that they had.
	Total, Lumped int64
	// Groups are those with most first, at most MaxGroups, and Others counts what is in no group.
	Groups []Group
	Others int64
	// Points are by time, without those in which nothing was refused.
	Points  []Point
	Samples []Sample
	// SearchedTo is the minute down to which all was looked at, where there were too many rows; else zero.
	SearchedTo time.Time
}

// Minute is what was refused of one kind in a minute.
type Minute struct {
	report.Count

	// At is its beginning.
	At time.Time
}

const filter = ` and ($3 = '' or handler = $3) and ($4 = '' or reason = $4) and ($5 = '' or platform = $5) and ($6 = '' or bot = $6)`

const (
	// The newest rows come first, and only the filter is left to look at: the key begins with the minute.
	selectRows = `select minute, handler, reason, platform, bot, count, lumped from refusals
where minute >= $1 and minute < $2 order by minute desc limit $3`
	selectSamples = `select at, gateway, handler, reason, platform, bot, request_id, client, method, path, subject from refusal_samples
where at >= $1 and at < $2` + filter + ` order by at desc, id desc limit $7`
)

// Sum returns what a query chooses. It looks through a bounded number of rows, the newest first.
func (l *Log) Sum(ctx context.Context, q Query) (*Result, error) {
	rows, err := sqldb.Query(ctx, l.DB.Reader, scanMinute, selectRows, q.From.UnixMicro(), q.To.UnixMicro(), MaxScan)
	if err != nil {
		return nil, l.Failed("reading refusals", err)
	}
	found := sum(q, rows)
	found.Samples, err = sqldb.Query(ctx, l.DB.Reader, scanSample, selectSamples,
		q.From.UnixMicro(), q.To.UnixMicro(), q.Handler, q.Reason, q.Platform, q.Bot, q.Samples)
	return found, l.Failed("reading refused requests", err)
}

// Minutes returns up to limit minutes from a time on, the latest first.
func (l *Log) Minutes(ctx context.Context, from time.Time, limit int) ([]Minute, error) {
	rows, err := sqldb.Query(ctx, l.DB.Reader, scanMinute, selectRows, from.Truncate(time.Minute).UnixMicro(), int64(math.MaxInt64), limit)
	return rows, l.Failed("reading what was refused lately", err)
}

func scanMinute(rows *sql.Rows) (r Minute, err error) {
	var minute int64
	err = rows.Scan(&minute, &r.Handler, &r.Reason, &r.Platform, &r.Bot, &r.Count.Count, &r.Lumped)
	r.At = time.UnixMicro(minute).UTC()
	return r, err
}

func scanSample(rows *sql.Rows) (s Sample, err error) {
	var at int64
	err = rows.Scan(&at, &s.Gateway, &s.Handler, &s.Reason, &s.Platform, &s.Bot, &s.RequestID, &s.Client, &s.Method, &s.Path, &s.User)
	s.At = time.UnixMicro(at).UTC()
	return s, err
}

// sum adds rows up, which are sorted by time, the newest first.
func sum(q Query, rows []Minute) *Result {
	found, groups := &Result{}, map[report.Refusal]*Group{}
	if len(rows) == MaxScan {
		found.SearchedTo = rows[len(rows)-1].At.Add(time.Minute) // The rest of that minute may be missing.
		rows = slices.DeleteFunc(rows, func(r Minute) bool { return r.At.Before(found.SearchedTo) })
	}
	for _, r := range rows {
		if !q.Covers(r.Refusal) {
			continue
		}
		found.Total += r.Count.Count
		found.Lumped += r.Lumped
		g := groups[r.Refusal]
		if g == nil {
			g = &Group{Count: report.Count{Refusal: r.Refusal}, Last: r.At}
			groups[r.Refusal] = g
		}
		g.Count.Count, g.Lumped, g.First = g.Count.Count+r.Count.Count, g.Lumped+r.Lumped, r.At
		if at := r.At.Truncate(q.Step); len(found.Points) > 0 && found.Points[len(found.Points)-1].At.Equal(at) {
			found.Points[len(found.Points)-1].Count += r.Count.Count
		} else {
			found.Points = append(found.Points, Point{at, r.Count.Count})
		}
	}
	slices.Reverse(found.Points)
	found.rank(groups)
	return found
}

// rank sorts groups, and keeps those with most.
func (r *Result) rank(groups map[report.Refusal]*Group) {
	for _, g := range groups {
		r.Groups = append(r.Groups, *g)
	}
	slices.SortFunc(r.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count.Count, a.Count.Count), cmp.Compare(a.Handler, b.Handler), cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Bot, b.Bot))
	})
	for _, g := range r.Groups[min(len(r.Groups), MaxGroups):] {
		r.Others += g.Count.Count
	}
	r.Groups = r.Groups[:min(len(r.Groups), MaxGroups)]
}

// clean makes text fit for both kinds of database.
func clean(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text[:min(len(text), maxText)], "\x00", ""), "�")
}
