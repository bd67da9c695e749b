// Package logformat is the one form in which both programs write their logs as JSON: the names of fields, the words of
// levels, and how times are written. docs/reference/logs.md shows it.
package logformat

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/botgate/botgate/internal/version"
)

// The formats, which are the values of BOTGATE_LOG_FORMAT.
const (
	Text = "text"
	JSON = "json"
)

// The fields that every record has.
const (
	Time     = "ts"
	Level    = "level"
	Logger   = "logger"
	Message  = "msg"
	Service  = "service"
	Version  = "version"
	Instance = "instance"
)

// TimeLayout is how times are written, in UTC.
const TimeLayout = "2006-01-02T15:04:05.000Z07:00"

// Origin are the fields that are the same in all records of a process: the service is "botgate" or
// "botgate-backend".
func Origin(service string) []slog.Attr {
	return []slog.Attr{
		slog.String(Service, service), slog.String(Version, version.Number()), slog.String(Instance, InstanceName()),
	}
}

// InstanceName tells this process apart from others of its service, in logs and in traces.
func InstanceName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

// NewLogger returns a logger that writes records of a level and above in a format; each in JSON has the fields of
// the schema.
func NewLogger(w io.Writer, format string, level slog.Leveler, service, logger string) *slog.Logger {
	if format != JSON {
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
	}
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: replace})
	return slog.New(h.WithAttrs(append([]slog.Attr{slog.String(Logger, logger)}, Origin(service)...)))
}

// replace writes what slog and Caddy write differently as Caddy does: durations are seconds.
func replace(groups []string, a slog.Attr) slog.Attr {
	switch v := a.Value; {
	case v.Kind() == slog.KindDuration:
		return slog.Float64(a.Key, v.Duration().Seconds())
	case v.Kind() == slog.KindTime:
		if len(groups) == 0 && a.Key == slog.TimeKey {
			a.Key = Time
		}
		return slog.String(a.Key, v.Time().UTC().Format(TimeLayout))
	case len(groups) == 0 && a.Key == slog.LevelKey:
		return slog.String(Level, strings.ToLower(v.String()))
	}
	return a
}
