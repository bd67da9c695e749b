package event

import "log/slog"

// LogAttr is what a record says of the event that it is about: bot, event_id and, where it is known, request_id.
func (e *Event) LogAttr() slog.Attr {
	about := []slog.Attr{slog.String("bot", e.Bot), slog.String("event_id", e.ID)}
	if e.RequestID != "" {
		about = append(about, slog.String("request_id", e.RequestID))
	}
	return slog.Attr{Value: slog.GroupValue(about...)} // Without a key, its members are the record's.
}
