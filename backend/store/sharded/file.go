package sharded

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/botgate/botgate/internal/event"
)

// file is the form of the shards file.
type file struct {
	Shards  map[string]fileShard `json:"shards"`
	Buckets []fileRange          `json:"buckets"`
}

type fileShard struct {
	URL            string `json:"url"`
	URLEnv         string `json:"url_env"`
	URLFile        string `json:"url_file"`
	ReplicaURL     string `json:"replica_url"`
	ReplicaURLEnv  string `json:"replica_url_env"`
	ReplicaURLFile string `json:"replica_url_file"`
}

type fileRange struct {
	From  *int   `json:"from"`
	To    *int   `json:"to"`
	Shard string `json:"shard"`
}

// Load reads the shards file at path:
//
//	{"shards": {"a": {"url_file": "a.url"}, "b": {"url_env": "SHARD_B_URL", "replica_url_env": "SHARD_B_REPLICA_URL"}},
//	 "buckets": [{"from": 0, "to": 511, "shard": "a"}, {"from": 512, "to": 1023, "shard": "b"}]}
//
// An address is given as url, or in the environment variable url_env, or in the file
// url_file, relative to the shards file. Ranges include both ends, and every bucket from 0 to
// 1023 is in one of them. Errors name the file and the field, and hold no address.
func Load(path string, getenv func(string) string) (Map, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Map{}, fmt.Errorf("reading the shards file: %w", err)
	}
	m, err := parse(raw, filepath.Dir(path), getenv)
	if err != nil {
		return Map{}, fmt.Errorf("shards file %s: %w", path, err)
	}
	return m, nil
}

// Files are the files that [Load] reads for the shards file at path, as far as that can be read.
func Files(path string) []string {
	files := []string{path}
	raw, err := os.ReadFile(path)
	if err != nil {
		return files
	}
	f, err := decode(raw)
	if err != nil {
		return files
	}
	for _, name := range slices.Sorted(maps.Keys(f.Shards)) {
		for _, file := range []string{f.Shards[name].URLFile, f.Shards[name].ReplicaURLFile} {
			if file != "" {
				files = append(files, beside(filepath.Dir(path), file))
			}
		}
	}
	return files
}

// beside is where a file is that the shards file in dir names.
func beside(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func decode(raw []byte) (f file, err error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return f, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return f, errors.New("something follows the end of the document")
	}
	return f, nil
}

func parse(raw []byte, dir string, getenv func(string) string) (m Map, err error) {
	f, err := decode(raw)
	if err != nil {
		return m, err
	}
	for _, name := range slices.Sorted(maps.Keys(f.Shards)) {
		s, err := f.Shards[name].read(dir, getenv)
		if err != nil {
			return m, fmt.Errorf("shards: %s: %w", name, err)
		}
		s.Name = name
		m.Shards = append(m.Shards, s)
	}
	if m.Owners, err = owners(f.Buckets); err != nil {
		return m, fmt.Errorf("buckets: %w", err)
	}
	return m, m.Check()
}

func (f fileShard) read(dir string, getenv func(string) string) (s Shard, err error) {
	if s.URL, err = addressOf("url", f.URL, f.URLEnv, f.URLFile, dir, getenv); err != nil {
		return s, err
	}
	if s.URL == "" {
		return s, errors.New("url: it is missing; set url, url_env or url_file")
	}
	s.ReplicaURL, err = addressOf("replica_url", f.ReplicaURL, f.ReplicaURLEnv, f.ReplicaURLFile, dir, getenv)
	return s, err
}

// addressOf reads an address from the one place that is given, if any.
func addressOf(field, plain, env, path, dir string, getenv func(string) string) (string, error) {
	given := 0
	for _, place := range []string{plain, env, path} {
		if place != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return "", fmt.Errorf("%[1]s: only one of %[1]s, %[1]s_env and %[1]s_file may be set", field)
	case env != "":
		if plain = strings.TrimSpace(getenv(env)); plain == "" {
			return "", fmt.Errorf("%s_env: the variable %s is not set", field, env)
		}
	case path != "":
		path = beside(dir, path)
		raw, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("%s_file: %w", field, err)
		}
		if plain = strings.TrimSpace(string(raw)); plain == "" {
			return "", fmt.Errorf("%s_file: %s is empty", field, path)
		}
	}
	return plain, nil
}

// owners spreads ranges over the buckets.
func owners(ranges []fileRange) (all [event.Buckets]string, err error) {
	var none, twice []int
	for i, r := range ranges {
		if r.From == nil || r.To == nil || *r.From < 0 || *r.To < *r.From || *r.To >= event.Buckets {
			return all, fmt.Errorf("element %d: from and to must be numbers from 0 to %d, in that order", i, event.Buckets-1)
		}
		if r.Shard == "" {
			return all, fmt.Errorf("element %d: shard is missing", i)
		}
		for b := *r.From; b <= *r.To; b++ {
			if all[b] != "" {
				twice = append(twice, b)
			}
			all[b] = r.Shard
		}
	}
	for b, owner := range all {
		if owner == "" {
			none = append(none, b)
		}
	}
	switch {
	case none != nil:
		return all, fmt.Errorf("no range has the buckets %s", Spans(none))
	case twice != nil:
		return all, fmt.Errorf("two ranges have the buckets %s", Spans(twice))
	}
	return all, nil
}
