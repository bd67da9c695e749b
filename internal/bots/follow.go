package bots

import (
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/botgate/botgate/internal/reload"
)

// What the bots file is in logs, reports and metrics: for those who deliver, and for a gateway and the role jobs without
// dispatch, which read less of it.
const (
	WhatBots      = "bots file"
	WhatQueues    = "names in the bots file"
	WhatSchedules = "schedules in the bots file"
)

// Follow loads the bots file and the secrets that it names, and loads them again whenever one of them
// changes, until the value is closed. check refuses bots that [Load] takes; apply is told of a change before
// it takes effect.
func Follow(path string, check func(Set) error, apply func(before, now Set), log *slog.Logger) (*reload.Value[Set], error) {
	return reload.New(reload.Config[Set]{
		What: WhatBots, List: func() []string { return Files(path) }, Logger: log,
		Load: func() (Set, error) {
			set, err := Load(path)
			if err == nil {
				if err = check(set); err != nil {
					err = fmt.Errorf("bots file %s: %w", path, err)
				}
			}
			return set, err
		},
		Apply: func(before, now Set) string {
			apply(before, now)
			return Changes(before, now)
		},
	})
}

// FollowInbound does for [LoadInbound] what [Follow] does for [Load].
func FollowInbound(path string, apply func(now InboundSet), log *slog.Logger) (*reload.Value[InboundSet], error) {
	return reload.New(reload.Config[InboundSet]{
		What: WhatQueues, Files: []string{path}, Logger: log,
		Load: func() (InboundSet, error) { return LoadInbound(path) },
		Apply: func(before, now InboundSet) string {
			apply(now)
			return reload.Differences(before, now, changedFields)
		},
	})
}

// Files are the files that [Load] reads for the bots file at path, as far as that can be read.
func Files(path string) []string {
	files := []string{path}
	entries, err := readFile(path)
	if err != nil {
		return files
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		for _, file := range entries[name].SecretFiles {
			files = append(files, entries[name].path(file, filepath.Dir(path)))
		}
	}
	return files
}

// Changes says how bots differ from those before, in few words and without a secret; empty where they don't:
//
//	added a; removed b; changed c (url, secrets)
func Changes(before, now Set) string { return reload.Differences(before, now, changedFields) }

// changedFields are the fields of a bot that differ, in the file's words.
func changedFields[T any](before, now T) (fields []string) {
	was, is := reflect.ValueOf(before), reflect.ValueOf(now)
	for n := range was.NumField() {
		if !reflect.DeepEqual(was.Field(n).Interface(), is.Field(n).Interface()) {
			fields = append(fields, snakeCase(was.Type().Field(n).Name))
		}
	}
	return fields
}

// snakeCase is the name in the file of a field.
func snakeCase(name string) string {
	var b strings.Builder
	for n, r := range name {
		if n > 0 && r >= 'A' && r <= 'Z' && name != "URL" {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}
