// Package statement holds the SQL that PostgreSQL and SQLite have in common. Times are given
// as each of them keeps them.
package statement

import (
	"time"

	"github.com/botgate/botgate/backend/job"
)

const columns = `id, kind, parameters, bot, status, cancel_asked, done, total, checkpoint, parts, result, error,
	tries, crashes, owner, lease_until, wake_at, created_at, updated_at, finished_at, version`

const (
	// Create takes [Values]. It writes no row where a job with the id is.
	Create = `insert into jobs (` + columns + `)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
on conflict (id) do nothing`

	// Replace takes the id, [Changes] and the version to replace. It writes no row where another is.
	Replace = `
update jobs set status = $2, cancel_asked = $3, done = $4, total = $5, checkpoint = $6, parts = $7, result = $8, error = $9,
	tries = $10, crashes = $11, owner = $12, lease_until = $13, wake_at = $14, updated_at = $15, finished_at = $16, version = $17
where id = $1 and version = $18`

	// AddPart takes the job's id, the number, the reference and the size.
	AddPart = `insert into job_parts (job, number, ref, size) values ($1, $2, $3, $4)`

	// Load takes the id.
	Load = `select ` + columns + ` from jobs where id = $1`

	// Parts takes the job's id, how many to leave out, and how many to return.
	Parts = `select ref, size from job_parts where job = $1 and number >= $2 order by number limit $3`

	// List takes status and bot, which may be empty, the time and the id to begin behind, and
	// how many to return.
	List = `select ` + columns + ` from jobs
where ($1 = '' or status = $1) and ($2 = '' or bot = $2) and (created_at, id) < ($3, $4)
order by created_at desc, id desc limit $5`

	// Due takes the time and how many to return.
	Due = `select ` + columns + ` from jobs where wake_at <= $1 order by wake_at limit $2`

	// Over takes the time and how many to return.
	Over = `select id from jobs where finished_at <= $1 order by finished_at limit $2`

	// RemoveParts takes the job's id.
	RemoveParts = `delete from job_parts where job = $1`

	// Remove takes the id.
	Remove = `delete from jobs where id = $1`

	// Ready touches the tables.
	Ready = `select count(*) from (select 1 from jobs limit 1) j`
)

// Time makes a time what the database keeps, the zero time nothing.
type Time func(time.Time) any

// Values are those of all columns.
func Values(j *job.Job, at Time) []any {
	return []any{
		j.ID, j.Kind, string(j.Parameters), j.Bot, string(j.Status), j.CancelAsked, j.Done, j.Total, j.Checkpoint, j.Parts,
		string(j.Result), j.Error, j.Tries, j.Crashes, j.Owner, at(j.LeaseUntil), at(j.WakeAt), at(j.CreatedAt), at(j.UpdatedAt),
		at(j.FinishedAt), j.Version,
	}
}

// Changes are those that change.
func Changes(j *job.Job, at Time) []any {
	return []any{
		string(j.Status), j.CancelAsked, j.Done, j.Total, j.Checkpoint, j.Parts, string(j.Result), j.Error,
		j.Tries, j.Crashes, j.Owner, at(j.LeaseUntil), at(j.WakeAt), at(j.UpdatedAt), at(j.FinishedAt), j.Version,
	}
}

// Into says where the columns of a row go; times are in the order of [job.Job].
func Into(j *job.Job, parameters, result *string, lease, wake, created, updated, finished any) []any {
	return []any{
		&j.ID, &j.Kind, parameters, &j.Bot, &j.Status, &j.CancelAsked, &j.Done, &j.Total, &j.Checkpoint, &j.Parts,
		result, &j.Error, &j.Tries, &j.Crashes, &j.Owner, lease, wake, created, updated, finished, &j.Version,
	}
}

// Bytes is a text as [job.Job] has it: nil for none.
func Bytes(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}
