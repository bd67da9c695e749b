// Package statement holds the SQL that PostgreSQL and SQLite have in common. Times are
// given as each of them keeps them.
package statement

const (
	// Load takes the user, the bot and the time.
	Load = `select version, data, updated_at, expires_at from sessions where subject = $1 and bot = $2 and expires_at > $3`

	// Create takes the user, the bot, the version, the data, the time and the end. It writes
	// no row where a session is that has not ended.
	Create = `
insert into sessions (subject, bot, version, data, updated_at, expires_at) values ($1, $2, $3, $4, $5, $6)
on conflict (subject, bot) do update set
	version = excluded.version, data = excluded.data, updated_at = excluded.updated_at, expires_at = excluded.expires_at
where sessions.expires_at <= excluded.updated_at`

	// Replace takes the same and the version to replace. It writes no row where another is.
	Replace = `
update sessions set version = $3, data = $4, updated_at = $5, expires_at = $6
where subject = $1 and bot = $2 and version = $7`

	// Remove takes the user, the bot and the version.
	Remove = `delete from sessions where subject = $1 and bot = $2 and version = $3`

	// Bots takes the user.
	Bots = `select bot from sessions where subject = $1`

	// RemoveUser takes the user.
	RemoveUser = `delete from sessions where subject = $1`

	// Ready touches the table.
	Ready = `select count(*) from (select 1 from sessions limit 1) s`
)
