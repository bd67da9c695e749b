package pull

import (
	"fmt"
	"strings"

	"github.com/botgate/botgate/internal/event"
)

// Types are patterns of types of events, in which * stands for any text: "telegram.*". None match every type.
type Types []string

// maxStars keeps a match cheap.
const maxStars = 4

// Check reports a pattern that does not do.
func (t Types) Check() error {
	if len(t) > MaxTypes {
		return fmt.Errorf("there may be %d types", MaxTypes)
	}
	for _, pattern := range t {
		if pattern == "" || !event.ValidText(pattern) || strings.Count(pattern, "*") > maxStars {
			return fmt.Errorf("a type must be text as events have it, with * for any text, at most %d times", maxStars)
		}
	}
	return nil
}

// Match reports whether a type is one of them.
func (t Types) Match(name string) bool {
	if len(t) == 0 {
		return true
	}
	for _, pattern := range t {
		if match(pattern, name) {
			return true
		}
	}
	return false
}

func match(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return pattern == name
	}
	if !strings.HasPrefix(name, first) {
		return false
	}
	name = name[len(first):]
	for _, part := range parts[1 : len(parts)-1] { // The leftmost place leaves the most for the rest.
		at := strings.Index(name, part)
		if at < 0 {
			return false
		}
		name = name[at+len(part):]
	}
	return strings.HasSuffix(name, last)
}
