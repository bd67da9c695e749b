package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// Set holds every schema that a [Pattern] can stand for, compiled. It may be used
// concurrently.
type Set struct {
	pattern Pattern
	schemas map[string]*Schema
	// only is the schema of a pattern without placeholders.
	only *Schema
}

// CompileSet compiles every schema in fsys that the pattern can stand for: a placeholder
// in the file's name stands for text without a slash, and one in the pointer for any
// member's name. That there is none at all is an error.
func CompileSet(fsys fs.FS, p Pattern, options Options) (*Set, error) {
	s := &Set{pattern: p, schemas: map[string]*Schema{}}
	if err := s.compile(fsys, options); err != nil {
		return nil, fmt.Errorf("schema %q: %w", p.name, err)
	}
	return s, nil
}

func (s *Set) compile(fsys fs.FS, options Options) error {
	c := newCompiler(fsys, options)
	names, err := s.files(fsys)
	if err != nil {
		return err
	}
	for _, file := range names {
		if err := s.add(c, file); err != nil {
			return err
		}
	}
	if len(s.schemas) == 0 {
		return errors.New("no schema has a name that fits")
	}
	if !s.pattern.placeholders() {
		for _, only := range s.schemas {
			s.only = only
		}
	}
	return nil
}

// CompileFolder is [CompileSet] for a folder of the host. Links that lead out of it are
// not followed.
func CompileFolder(dir string, p Pattern, options Options) (*Set, error) {
	// Unlike os.DirFS, a root does not follow links that lead out of the folder.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	set, err := CompileSet(root.FS(), p, options)
	if err = errors.Join(err, root.Close()); err != nil {
		return nil, fmt.Errorf("folder %q: %w", dir, err)
	}
	return set, nil
}

func (p Pattern) placeholders() bool {
	return p.file.placeholders() || slices.ContainsFunc(p.pointer, text.placeholders)
}

// files returns the names of the files that the pattern can stand for.
func (s *Set) files(fsys fs.FS) ([]string, error) {
	if !s.pattern.file.placeholders() {
		name, _ := s.pattern.file.fill(nil)
		return []string{name}, nil
	}
	fits := s.pattern.file.matcher("[^/]")
	names := slices.DeleteFunc(list(fsys), func(name string) bool { return !fits.MatchString(name) })
	if len(names) == 0 {
		return nil, errors.New("no file in the folder has a name that fits")
	}
	return names, nil
}

// add compiles what the pattern can stand for in one file.
func (s *Set) add(c *compiler, file string) error {
	locations := [][]string{nil}
	if !slices.ContainsFunc(s.pattern.pointer, text.placeholders) {
		for _, t := range s.pattern.pointer {
			token, _ := t.fill(nil)
			locations[0] = append(locations[0], token)
		}
	} else {
		doc, err := c.folder.read(file)
		if err != nil {
			return err
		}
		locations = expand(doc, s.pattern.pointer)
	}
	for _, location := range locations {
		compiled, err := c.compile(file, location)
		if err != nil {
			return err
		}
		s.schemas[key(file, location)] = compiled
	}
	return nil
}

// expand returns the locations in a document that the rest of a pattern can stand for.
func expand(doc any, rest []text) [][]string {
	if len(rest) == 0 {
		return [][]string{nil}
	}
	var locations [][]string
	fits := rest[0].matcher(".")
	inner := members(doc)
	for _, name := range slices.Sorted(maps.Keys(inner)) {
		if !fits.MatchString(name) {
			continue
		}
		for _, further := range expand(inner[name], rest[1:]) {
			locations = append(locations, append([]string{name}, further...))
		}
	}
	return locations
}

// key names a schema of the set, in one way whatever the pattern's own spelling is.
func key(file string, location []string) string {
	if len(location) == 0 {
		return file
	}
	return file + "#" + pointerTo(location)
}

// Find returns the schema for the placeholders' values, or nil when there is none. It
// looks among those that are compiled and nowhere else.
func (s *Set) Find(value func(placeholder string) string) *Schema {
	if s.only != nil {
		return s.only
	}
	file, ok := s.pattern.file.fill(func(placeholder string) string {
		if v := value(placeholder); !strings.Contains(v, "/") {
			return v
		}
		return ""
	})
	if !ok {
		return nil
	}
	location := make([]string, len(s.pattern.pointer))
	for i, t := range s.pattern.pointer {
		if location[i], ok = t.fill(value); !ok {
			return nil
		}
	}
	return s.schemas[key(file, location)]
}

// Len returns how many schemas there are.
func (s *Set) Len() int { return len(s.schemas) }
