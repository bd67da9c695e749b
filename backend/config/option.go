package config

import (
	"fmt"

	"github.com/botgate/botgate/internal/restrict"
)

// Option is one setting.
type Option struct {
	// Flag is the flag of botgate-backend, and Env the environment variable.
	Flag, Env string
	// Caddy is the option of botgate_embedded; empty for what that takes from elsewhere. Words says that its value there
	// may be several words.
	Caddy string
	Words bool
	// Default is the value without any of these, and Unset what an empty one stands for;
	// "" for none.
	Default, Unset string
	// Help says in a line what it is, and Page which page of docs/ has more; may be "".
	Help, Page string

	value func(*Config) value
	check func(Config) error // Nil when there is nothing to check.
}

// Set sets the option in c; an empty text changes nothing. White space, and a placeholder that nothing
// replaced, are errors. Errors name the variable.
func (o Option) Set(c *Config, text string) error {
	if text == "" {
		return nil
	}
	if err := restrict.Address(text); err != nil {
		return fmt.Errorf("%s: %w", o.Env, err)
	}
	if err := o.value(c).set(text); err != nil {
		return fmt.Errorf("%s: %w", o.Env, err)
	}
	return nil
}
