package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/modules/internal/placeholder"
)

// Value is the value of an option as text. In JSON it may also be a number, a boolean ("on" or
// "off"), or a list of texts.
type Value string

// UnmarshalJSON implements [json.Unmarshaler].
func (v *Value) UnmarshalJSON(raw []byte) error {
	var number json.Number
	var boolean bool
	var list []string
	switch {
	case json.Unmarshal(raw, (*string)(v)) == nil:
	case json.Unmarshal(raw, &number) == nil:
		*v = Value(number)
	case json.Unmarshal(raw, &boolean) == nil:
		*v = map[bool]Value{true: "on", false: "off"}[boolean]
	case json.Unmarshal(raw, &list) == nil:
		*v = Value(strings.Join(list, " "))
	default:
		return errors.New("an option is a text, a number, a boolean or a list of texts")
	}
	return nil
}

// options are those of the backend's settings that can be set here, by name.
var options = func() map[string]config.Option {
	all := map[string]config.Option{}
	for _, o := range config.Options {
		if o.Caddy != "" {
			all[o.Caddy] = o
		}
	}
	return all
}()

func unknownOption(name string) error {
	return fmt.Errorf("unknown option %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(options)), ", "))
}

// setOptions reads the options into the backend's settings.
func (b *Backend) setOptions() error {
	for _, name := range slices.Sorted(maps.Keys(b.Options)) {
		option, known := options[name]
		if !known {
			return fmt.Errorf("botgate_embedded: %w", unknownOption(name))
		}
		if name == "roles" && b.off() {
			continue
		}
		value := string(b.Options[name])
		if err := placeholder.ExpandAddress(name, &value); err != nil {
			return fmt.Errorf("botgate_embedded: %w", err)
		}
		if err := option.Set(&b.settings, value); err != nil {
			return fmt.Errorf("botgate_embedded: option %s: %w", name, err)
		}
	}
	return nil
}
