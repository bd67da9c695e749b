package bots

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/botgate/botgate/internal/cronexpr"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/reload"
)

const (
	// maxSchedules bounds the schedules of a bot, and maxScheduleData what each has its events carry, in bytes.
	maxSchedules    = 100
	maxScheduleData = 16 << 10
	// ownTypes are what types begin with that are Botgate's.
	ownTypes = "botgate."
)

// Schedule has a bot get an event again and again.
type Schedule struct {
	// Name is unique among those of the bot.
	Name string
	// Cron and TZ say when, see [cronexpr.Parse]. TZ is never empty.
	Cron, TZ string
	// Type is that of the events, and Data their body, a JSON text.
	Type string
	Data string
}

// scheduleEntry is a schedule in the file's own form.
type scheduleEntry struct {
	Name string          `json:"name"`
	Cron string          `json:"cron"`
	TZ   string          `json:"tz"`
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// readSchedules reads the schedules of a bot.
func readSchedules(entries []scheduleEntry) ([]Schedule, error) {
	if len(entries) > maxSchedules {
		return nil, fmt.Errorf("schedules: at most %d", maxSchedules)
	}
	var all []Schedule
	for n, e := range entries {
		if !event.ValidBot(e.Name) {
			return nil, fmt.Errorf("schedules: number %d: name: must be 1 to 64 letters, digits, '-' or '_'", n+1)
		}
		if slices.ContainsFunc(all, func(s Schedule) bool { return s.Name == e.Name }) {
			return nil, fmt.Errorf("schedules: %q is there twice", e.Name)
		}
		s, err := e.schedule()
		if err != nil {
			return nil, fmt.Errorf("schedules: %q: %w", e.Name, err)
		}
		all = append(all, s)
	}
	return all, nil
}

func (e scheduleEntry) schedule() (s Schedule, err error) {
	s = Schedule{Name: e.Name, Cron: strings.Join(strings.Fields(e.Cron), " "), TZ: cmp.Or(e.TZ, "UTC"), Type: e.Type}
	if _, err := cronexpr.Parse(s.Cron, s.TZ); err != nil {
		return s, err
	}
	if err := checkType(e.Type); err != nil {
		return s, err
	}
	s.Data, err = scheduleData(e.Data)
	return s, err
}

// checkType refuses a type that events would not have as it is written, or that is Botgate's own.
func checkType(text string) error {
	whole := event.Event{Type: text}
	whole.Normalize()
	switch {
	case text == "":
		return errors.New("type: must be set")
	case whole.Type != text:
		return fmt.Errorf("type: must be text of at most %d bytes", event.MaxAttribute)
	case strings.HasPrefix(text, ownTypes):
		return fmt.Errorf("type: %q begins with %s, which is Botgate's own", text, ownTypes)
	}
	return nil
}

// scheduleData is the body of a schedule's events: what the file has, without the blanks between.
func scheduleData(raw json.RawMessage) (string, error) {
	if len(raw) == 0 {
		return "{}", nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil || !utf8.Valid(raw) {
		return "", errors.New("data: must be JSON in UTF-8")
	}
	if b.Len() > maxScheduleData {
		return "", fmt.Errorf("data: has %d bytes, at most %d are taken", b.Len(), maxScheduleData)
	}
	return b.String(), nil
}

// Timed is what is read of a bot by those who go by its schedules, which needs no access to its secrets.
type Timed struct{ Schedules []Schedule }

// TimedSet holds them by the bots' names, those without schedules left out.
type TimedSet map[string]Timed

// Count is how many schedules the bots have together.
func (s TimedSet) Count() (n int) {
	for _, timed := range s {
		n += len(timed.Schedules)
	}
	return n
}

// Timed returns the bots that have schedules.
func (s Set) Timed() TimedSet {
	timed := TimedSet{}
	for name, b := range s {
		if len(b.Schedules) > 0 {
			timed[name] = Timed{b.Schedules}
		}
	}
	return timed
}

// LoadTimed reads the schedules of the bots file at path.
func LoadTimed(path string) (TimedSet, error) {
	entries, err := readFile(path)
	if err != nil {
		return nil, err
	}
	set := Set{}
	for name, e := range entries {
		schedules, err := readSchedules(e.Schedules)
		if err != nil {
			return nil, fmt.Errorf("bots file %s: bot %q: %w", path, name, err)
		}
		set[name] = Bot{Schedules: schedules}
	}
	return set.Timed(), nil
}

// FollowTimed does for [LoadTimed] what [Follow] does for [Load].
func FollowTimed(path string, apply func(now TimedSet), log *slog.Logger) (*reload.Value[TimedSet], error) {
	return reload.New(reload.Config[TimedSet]{
		What: WhatSchedules, Files: []string{path}, Logger: log,
		Load: func() (TimedSet, error) { return LoadTimed(path) },
		Apply: func(before, now TimedSet) string {
			apply(now)
			return reload.Differences(before, now, changedFields)
		},
	})
}
