package schema

import (
	"errors"
	"regexp"
	"strings"

	"github.com/botgate/botgate/modules/internal/jsonpointer"
)

// placeholder is what is resolved for each request, such as {http.request.header.X} or
// {payload.type}. Braces without a dot between them are text, as in a path of OpenAPI.
var placeholder = regexp.MustCompile(`\{[^{}\s]*\.[^{}\s]*\}`)

// Pattern is the name of a schema, or of several of which each request chooses one:
// file or file#/pointer, with placeholders.
type Pattern struct {
	name    string
	file    text
	pointer []text
}

// text is a part of a pattern: pieces that are all plain, or placeholders without braces.
type text []piece

type piece struct {
	plain       string
	placeholder string
}

// ParsePattern reads a pattern.
func ParsePattern(name string) (Pattern, error) {
	if name == "" {
		return Pattern{}, errors.New("the schema has no name")
	}
	whole, pointer := split(name)
	p := Pattern{name: name, file: parseText(whole)}
	if pointer == "" {
		return p, nil
	}
	// Placeholders are told from text before the pointer is taken apart: they may hold
	// slashes.
	var kept []string
	marked := placeholder.ReplaceAllStringFunc(pointer, func(found string) string {
		kept = append(kept, found)
		return "\x00"
	})
	tokens, err := jsonpointer.Parse(marked)
	if err != nil {
		return Pattern{}, err
	}
	for _, token := range tokens {
		var t text
		for i, plain := range strings.Split(token, "\x00") {
			if i > 0 {
				t = append(t, piece{placeholder: strings.Trim(kept[0], "{}")})
				kept = kept[1:]
			}
			if plain != "" {
				t = append(t, piece{plain: plain})
			}
		}
		p.pointer = append(p.pointer, t)
	}
	return p, nil
}

// split divides a name at the first # that is not in a placeholder.
func split(name string) (file, pointer string) {
	masked := placeholder.ReplaceAllStringFunc(name, func(found string) string { return strings.Repeat("x", len(found)) })
	if hash := strings.IndexByte(masked, '#'); hash >= 0 {
		return name[:hash], name[hash+1:]
	}
	return name, ""
}

func parseText(s string) text {
	var t text
	for s != "" {
		found := placeholder.FindStringIndex(s)
		if found == nil {
			return append(t, piece{plain: s})
		}
		if found[0] > 0 {
			t = append(t, piece{plain: s[:found[0]]})
		}
		t = append(t, piece{placeholder: s[found[0]+1 : found[1]-1]})
		s = s[found[1]:]
	}
	return t
}

// placeholders reports whether the text has any.
func (t text) placeholders() bool {
	for _, p := range t {
		if p.placeholder != "" {
			return true
		}
	}
	return false
}

// matcher matches what the text can stand for, where a placeholder stands for any number
// of the characters of the given class.
func (t text) matcher(class string) *regexp.Regexp {
	var b strings.Builder
	for _, p := range t {
		if p.placeholder != "" {
			b.WriteString(class + "+")
		} else {
			b.WriteString(regexp.QuoteMeta(p.plain))
		}
	}
	return regexp.MustCompile("(?s)^" + b.String() + "$")
}

// fill replaces the placeholders. It fails when one has no value.
func (t text) fill(value func(placeholder string) string) (string, bool) {
	if len(t) == 1 && t[0].placeholder == "" {
		return t[0].plain, true
	}
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.plain)
		if p.placeholder == "" {
			continue
		}
		v := value(p.placeholder)
		if v == "" {
			return "", false
		}
		b.WriteString(v)
	}
	return b.String(), true
}
