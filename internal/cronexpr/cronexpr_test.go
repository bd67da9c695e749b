package cronexpr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/cronexpr"
)

// at reads a time like 2026-03-01T12:00+01:00.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse("2006-01-02T15:04Z07:00", text)
	require.NoError(t, err)
	return parsed.UTC()
}

func TestFires(t *testing.T) {
	t.Parallel()
	const spring, autumn = "2026-03-29T00:00+01:00", "2026-10-25T00:00+02:00"
	for name, c := range map[string]struct{ cron, zone, after, want string }{
		"weekdays":               {"0 9 * * 1-5", "Europe/Berlin", "2026-11-27T10:00+01:00", "2026-11-30T09:00+01:00 2026-12-01T09:00+01:00"},
		"UTC":                    {"0 9 * * *", "", "2026-11-27T09:00Z", "2026-11-28T09:00Z"},
		"day of month or week":   {"0 0 1 * 1", "", "2026-11-27T00:00Z", "2026-11-30T00:00Z 2026-12-01T00:00Z 2026-12-07T00:00Z"},
		"names":                  {"0 0 * JAN sun", "", "2026-11-27T00:00Z", "2027-01-03T00:00Z"},
		"7 is Sunday":            {"0 0 * * 7", "", "2026-11-27T00:00Z", "2026-11-29T00:00Z 2026-12-06T00:00Z"},
		"up to Sunday":           {"0 0 * * 2,5-7", "", "2026-11-27T00:00Z", "2026-11-28T00:00Z 2026-11-29T00:00Z 2026-12-01T00:00Z 2026-12-04T00:00Z"},
		"up to Sunday by two":    {"0 0 * * 3-7/2", "", "2026-11-27T00:00Z", "2026-11-29T00:00Z 2026-12-02T00:00Z 2026-12-04T00:00Z"},
		"each day":               {"0 0 * * 0-7", "", "2026-11-28T00:00Z", "2026-11-29T00:00Z 2026-11-30T00:00Z"},
		"leap day":               {"0 0 29 2 *", "", "2026-11-27T00:00Z", "2028-02-29T00:00Z"},
		"many blanks":            {"  0\t9 * *  * ", "", "2026-11-27T09:00Z", "2026-11-28T09:00Z"},
		"the zone goes on":       {"0 9 * * *", "Europe/Berlin", "2026-03-28T10:00+01:00", "2026-03-29T09:00+02:00 2026-03-30T09:00+02:00"},
		"skipped":                {"30 2 * * *", "Europe/Berlin", spring, "2026-03-29T03:30+02:00 2026-03-30T02:30+02:00"},
		"skipped, every hour":    {"0 * * * *", "Europe/Berlin", "2026-03-29T00:30+01:00", "2026-03-29T01:00+01:00 2026-03-29T03:00+02:00 2026-03-29T04:00+02:00"},
		"skipped, all minutes":   {"*/30 2,3 * * *", "Europe/Berlin", spring, "2026-03-29T03:00+02:00 2026-03-29T03:30+02:00 2026-03-30T02:00+02:00"},
		"twice":                  {"30 2 * * *", "Europe/Berlin", autumn, "2026-10-25T02:30+02:00 2026-10-26T02:30+01:00"},
		"twice, asked between":   {"30 2 * * *", "Europe/Berlin", "2026-10-25T02:10+01:00", "2026-10-26T02:30+01:00"},
		"twice, every hour":      {"0 * * * *", "Europe/Berlin", "2026-10-25T01:30+02:00", "2026-10-25T02:00+02:00 2026-10-25T02:00+01:00 2026-10-25T03:00+01:00"},
		"twice, every 20 min":    {"*/20 * * * *", "Europe/Berlin", "2026-10-25T02:30+02:00", "2026-10-25T02:40+02:00 2026-10-25T02:00+01:00 2026-10-25T02:20+01:00"},
		"midnight is skipped":    {"0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00-03:00", "2018-11-04T01:00-02:00 2018-11-05T00:00-02:00"},
		"half an hour":           {"15 2 * * *", "Australia/Lord_Howe", "2026-10-04T00:00+10:30", "2026-10-04T02:45+11:00 2026-10-05T02:15+11:00"},
		"a day is skipped":       {"0 12 * * *", "Pacific/Apia", "2011-12-29T11:00-10:00", "2011-12-29T12:00-10:00 2011-12-31T12:00+14:00 2012-01-01T12:00+14:00"},
		"the end of a leap year": {"0 12 31 12 *", "Europe/Berlin", "2056-09-30T00:00+02:00", "2056-12-31T12:00+01:00 2057-12-31T12:00+01:00"},
		"from the end of one":    {"*/30 23,0 * * *", "Australia/Lord_Howe", "2056-12-31T23:10+11:00", "2056-12-31T23:30+11:00 2057-01-01T00:00+11:00"},
		"other side of the day":  {"0 0 1 1 *", "Pacific/Auckland", "2026-11-27T00:00Z", "2027-01-01T00:00+13:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := cronexpr.Parse(c.cron, c.zone)
			require.NoError(t, err)
			from := at(t, c.after)
			for text := range strings.FieldsSeq(c.want) {
				want := at(t, text)
				got := s.Next(from)
				require.Equal(t, want.String(), got.UTC().String(), "after %s", from)
				last, ok := s.Last(from, want)
				require.True(t, ok)
				require.True(t, last.Equal(want), "the last one up to %s is %s", want, last)
				_, ok = s.Last(from, want.Add(-1))
				require.False(t, ok, "before %s", want)
				from = got
			}
		})
	}
}

func TestLast(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ cron, after, until, want string }{
		"of many":        {"* * * * *", "2020-01-01T00:00Z", "2026-11-30T09:07Z", "2026-11-30T09:07Z"},
		"of a year":      {"30 4 1 2 *", "2020-01-01T00:00Z", "2026-11-30T09:07Z", "2026-02-01T04:30Z"},
		"the one before": {"0 9 * * 1-5", "2026-11-27T09:00Z", "2026-11-30T08:59Z", ""},
		"over a weekend": {"0 9 * * 1-5", "2026-11-25T09:00Z", "2026-11-29T23:00Z", "2026-11-27T09:00Z"},
		"backwards":      {"* * * * *", "2026-11-30T09:07Z", "2026-11-30T09:00Z", ""},
		"no time":        {"* * * * *", "2026-11-30T09:07Z", "2026-11-30T09:07Z", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := cronexpr.Parse(c.cron, "")
			require.NoError(t, err)
			last, ok := s.Last(at(t, c.after), at(t, c.until))
			require.Equal(t, c.want != "", ok)
			if ok {
				require.Equal(t, at(t, c.want), last)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ cron, zone, want string }{
		"empty":          {"", "", "must have the five fields minute, hour, day of month, month and day of week, has 0"},
		"seconds":        {"0 0 9 * * *", "", "has 6"},
		"every":          {"@every 1s", "", "no words with an @"},
		"daily":          {"@daily", "", "no words with an @"},
		"zone within":    {"TZ=Europe/Berlin 0 9 * *", "", "the zone is tz"},
		"only a zone":    {"CRON_TZ=", "", "the zone is tz"},
		"no number":      {"x 9 * * *", "", `cron: "x 9 * * *"`},
		"out of range":   {"60 9 * * *", "", "above maximum"},
		"day 8":          {"0 9 * * 8", "", "above maximum"},
		"up to day 8":    {"0 9 * * 7-8", "", "above maximum"},
		"from a name":    {"0 9 * * fri-7", "", "above maximum"},
		"no step to 7":   {"0 9 * * 1-7/0", "", "above maximum"},
		"no step":        {"*/0 * * * *", "", "should be a positive number"},
		"never":          {"0 0 31 2 *", "", "never fires"},
		"unknown zone":   {"0 9 * * *", "Europe/Bärlin", `tz: "Europe/Bärlin" is no time zone like Europe/Berlin`},
		"a file":         {"0 9 * * *", "../../etc/passwd", "is no time zone"},
		"this machine's": {"0 9 * * *", "Local", "another one on each machine"},
		"long":           {"0 9 " + strings.Repeat("1,", 100) + "1 * *", "", "at most 200 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := cronexpr.Parse(c.cron, c.zone)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// FuzzParse has what is taken fire in order, at whole minutes, and Last agree with Next.
func FuzzParse(f *testing.F) {
	f.Add("0 9 * * 1-5", "Europe/Berlin", int64(1795000000), uint32(86400))
	f.Add("*/7 2 * * *", "America/New_York", int64(1772900000), uint32(1<<22))
	f.Add("30 2 29 2 ?", "Australia/Lord_Howe", int64(1790000000), uint32(1<<31))
	f.Add("0 0 * * 7,1-7/99", "", int64(0), uint32(1<<20))
	f.Add("TZ=", "", int64(0), uint32(0))
	f.Add("0-59/9999999999 * * * *", "UTC", int64(0), uint32(1))
	f.Fuzz(func(t *testing.T, expression, zone string, unix int64, span uint32) {
		s, err := cronexpr.Parse(expression, zone)
		if err != nil {
			return
		}
		const year = 365 * 24 * 3600
		from := time.Unix(30*year+int64(uint64(unix)%(60*year)), 0).UTC() // Zones were wild before.
		until := from.Add(time.Duration(span) * time.Second)
		last, ok := s.Last(from, until)
		next := s.Next(from)
		require.Equal(t, ok, !next.IsZero() && !next.After(until))
		if !ok {
			return
		}
		require.True(t, next.After(from) && !last.Before(next) && !last.After(until), "%s %s %s %s", from, next, last, until)
		require.Zero(t, last.Unix()%60)
		after := s.Next(last)
		require.True(t, after.IsZero() || after.After(until), "%s comes after the last one, %s, before %s", after, last, until)
	})
}
