// Package placeholder reads what operators write with Caddy's placeholders: those that are replaced when a
// configuration is loaded, and those that stand for something of each request.
package placeholder

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/restrict"
	"github.com/botgate/botgate/internal/secret"
)

// Expand replaces the global placeholders, such as {env.NAME}, of a value that restricts. One that is not
// known or comes out empty is an error, as is a value that [restrict.Text] refuses. The option is the name
// to put before it.
func Expand(option string, value *string) error {
	expanded, err := caddy.NewReplacer().ReplaceOrErr(*value, true, true)
	if err == nil {
		err = restrict.Text(expanded)
	}
	if err != nil {
		return fmt.Errorf("option %s: %w", option, err)
	}
	*value = expanded
	return nil
}

// ExpandAll is [Expand] for each value of a list.
func ExpandAll(option string, values []string) error {
	for i := range values {
		if err := Expand(option, &values[i]); err != nil {
			return err
		}
	}
	return nil
}

// errInSecret does not repeat what may be part of a secret.
var errInSecret = errors.New("a placeholder in it is not known or comes out empty; " +
	"a secret that has braces itself belongs into a file")

// ExpandSecret is [Expand] for a secret, of which errors show nothing.
func ExpandSecret(value string) ([]byte, error) {
	expanded, err := caddy.NewReplacer().ReplaceOrErr(value, true, true)
	if err != nil {
		return nil, errInSecret
	}
	cleaned, err := secret.Clean([]byte(expanded))
	if err == nil {
		err = restrict.Secret(cleaned)
	}
	return cleaned, err
}
