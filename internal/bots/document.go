package bots

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/botgate/botgate/internal/filelock"
)

// Document is a bots file that is edited: what is not touched stays as somebody wrote it.
type Document struct {
	members []member // Of the file.
	bots    []member
}

// member is one of a JSON object, with its value as it is written.
type member struct {
	name  string
	value json.RawMessage
}

// Field is a setting of a bot, in the file's own form.
type Field struct {
	Name  string
	Value any
}

// Edit changes the bots file at path, which it makes (mode 0600) where there is none, in one step and while no
// other Edit does. What [Load] would refuse, but for secrets that are elsewhere, is an error and changes
// nothing; so is an error of edit, which comes back as it is. A link keeps pointing where it does.
func Edit(ctx context.Context, path string, edit func(*Document) error) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	lock, err := filelock.Lock(ctx, path+".lock")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	text, mode := []byte(`{"bots": {}}`), fs.FileMode(0o600)
	switch info, err := os.Stat(path); {
	case err == nil:
		mode = info.Mode().Perm()
		if text, err = os.ReadFile(path); err != nil {
			return fmt.Errorf("reading the bots file: %w", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("reading the bots file: %w", err)
	}
	document, err := parseDocument(text)
	if err != nil {
		return fmt.Errorf("bots file %s: %w", path, err)
	}
	if err := edit(document); err != nil {
		return err
	}
	return replace(path, document.text(), mode)
}

// replace writes a bots file in one step, once it is right.
func replace(path string, text []byte, mode fs.FileMode) error {
	if err := checkText(path, text); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".bots-*")
	if err != nil {
		return fmt.Errorf("writing the bots file: %w", err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(text)
	if err := errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("writing the bots file: %w", err)
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return fmt.Errorf("writing the bots file: %w", err)
	}
	return nil
}

// checkText refuses what Load would, but for the secrets.
func checkText(path string, text []byte) error {
	entries, err := parse(path, text)
	if err != nil {
		return err
	}
	for name, e := range entries {
		if _, err := e.settings(name); err != nil {
			return fmt.Errorf("bots file %s: bot %q: %w", path, name, err)
		}
	}
	return nil
}

// Has reports whether there is a bot of the name.
func (d *Document) Has(name string) bool { return find(d.bots, name) >= 0 }

// Add adds a bot.
func (d *Document) Add(name string, fields ...Field) error {
	if d.Has(name) {
		return fmt.Errorf("there is a bot %q already", name)
	}
	members := make([]member, len(fields))
	for n, f := range fields {
		members[n] = member{f.Name, encode(f.Value)}
	}
	d.bots = append(d.bots, member{name, object(members, "    ")})
	return nil
}

// Remove takes a bot out.
func (d *Document) Remove(name string) error {
	n := find(d.bots, name)
	if n < 0 {
		return d.unknown(name)
	}
	d.bots = slices.Delete(d.bots, n, n+1)
	return nil
}

// SecretFiles are the files with the secrets of a bot, as they are written.
func (d *Document) SecretFiles(name string) (files []string, err error) {
	n := find(d.bots, name)
	if n < 0 {
		return nil, d.unknown(name)
	}
	var e entry
	if err := json.Unmarshal(d.bots[n].value, &e); err != nil {
		return nil, fmt.Errorf("bot %q: %w", name, err)
	}
	return e.SecretFiles, nil
}

// SetSecretFiles changes them.
func (d *Document) SetSecretFiles(name string, files []string) error {
	n := find(d.bots, name)
	if n < 0 {
		return d.unknown(name)
	}
	fields, err := membersOf(d.bots[n].value)
	if err != nil {
		return fmt.Errorf("bot %q: %w", name, err)
	}
	if at := find(fields, "secret_files"); at >= 0 {
		fields[at].value = encode(files)
	} else {
		fields = append(fields, member{"secret_files", encode(files)})
	}
	d.bots[n].value = object(fields, "    ")
	return nil
}

func (d *Document) unknown(name string) error {
	names := make([]string, len(d.bots))
	for n, b := range d.bots {
		names[n] = b.name
	}
	return fmt.Errorf("there is no bot %q; there are %s", name, strings.Join(names, ", "))
}

// text is the document as a file.
func (d *Document) text() []byte {
	members := slices.Clone(d.members)
	bots := member{"bots", object(d.bots, "  ")}
	if n := find(members, "bots"); n >= 0 {
		members[n] = bots
	} else {
		members = append(members, bots)
	}
	return append(object(members, ""), '\n')
}

func parseDocument(text []byte) (d *Document, err error) {
	d = new(Document)
	if d.members, err = membersOf(text); err != nil {
		return nil, err
	}
	if n := find(d.members, "bots"); n >= 0 {
		d.bots, err = membersOf(d.members[n].value)
	}
	return d, err
}

func find(members []member, name string) int {
	return slices.IndexFunc(members, func(m member) bool { return m.name == name })
}

// membersOf are the members of an object, in their order.
func membersOf(text []byte) (members []member, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if begin, err := dec.Token(); err != nil || begin != json.Delim('{') {
		return nil, errors.Join(errors.New("it is not a JSON object"), err)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)}
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	_, err = dec.Token()
	return members, err
}

// object writes members line by line, in an object that is indented.
func object(members []member, indent string) []byte {
	if len(members) == 0 {
		return []byte("{}")
	}
	var b bytes.Buffer
	for n, m := range members {
		b.WriteString([]string{"{\n", ",\n"}[min(n, 1)])
		b.WriteString(indent + "  ")
		b.Write(encode(m.name))
		b.WriteString(": ")
		b.Write(m.value)
	}
	b.WriteString("\n" + indent + "}")
	return b.Bytes()
}

// encode writes a text, a number or a list as people do.
func encode(value any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value) // There is nothing that has no JSON.
	return bytes.ReplaceAll(bytes.TrimSpace(b.Bytes()), []byte(`","`), []byte(`", "`))
}

// Check refuses settings of a bot that [Load] would refuse, but for its secrets.
func Check(name string, fields ...Field) error {
	d := new(Document)
	if err := d.Add(name, fields...); err != nil {
		return err
	}
	return checkText("with it", d.text())
}

// Listed is a bot as it may be shown to people.
type Listed struct {
	Name string
	// URL is without a password, and "(pulls)" of a bot that has none.
	URL string
	// Secrets are where they are, as it is written: names of files, and "$NAME" for environment variables.
	Secrets []string
	Queues  int
}

// List reads the bots file at path, in alphabetical order, and no secret.
func List(path string) ([]Listed, error) {
	entries, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var all []Listed
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		e := entries[name]
		b := Listed{Name: name, URL: "(none)", Secrets: slices.Clone(e.SecretFiles), Queues: max(1, e.Queues)}
		switch u, err := url.Parse(e.URL); {
		case e.Pull:
			b.URL = "(pulls)"
		case err == nil:
			b.URL = u.Redacted()
		}
		for _, env := range e.SecretEnvs {
			b.Secrets = append(b.Secrets, "$"+env)
		}
		all = append(all, b)
	}
	return all, nil
}
