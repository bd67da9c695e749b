// Package placeholder reads what operators write with Caddy's placeholders: those that are replaced when a
// configuration is loaded, and those that stand for something of each request.
package placeholder

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

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

// ExpandMap is [Expand] for the names and the values of a map. Two names that come out as one are an error.
func ExpandMap(option string, values map[string]string) (map[string]string, error) {
	expanded := make(map[string]string, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		if err := errors.Join(Expand(option, &name), Expand(option+" "+name, &value)); err != nil {
			return nil, err
		}
		if _, twice := expanded[name]; twice {
			return nil, fmt.Errorf("option %s: %s is there twice", option, name)
		}
		expanded[name] = value
	}
	return expanded, nil
}

// globals are what the names of placeholders begin with that are replaced when a configuration is loaded.
var globals = regexp.MustCompile(`^(env|file|system)\.`)

// ofMap are names that the directive map gives.
var ofMap = regexp.MustCompile(`^[A-Za-z_][\w-]*$`)

// ofRequests finds placeholders that stay for each request.
var ofRequests = regexp.MustCompile(`\{[^{}]*\}`)

// ExpandAddress is [Expand] for addresses, as [restrict.Address] has them: errors repeat nothing of it.
// An empty one stays empty, and is the option's default.
func ExpandAddress(option string, value *string) error {
	if *value == "" {
		return nil
	}
	expanded, err := caddy.NewReplacer().ReplaceOrErr(*value, true, true)
	if err != nil {
		err = errors.New("a placeholder in it is not known or comes out empty")
	} else {
		err = restrict.Address(expanded)
	}
	if err != nil {
		return fmt.Errorf("option %s: %w", option, err)
	}
	*value = expanded
	return nil
}

// ExpandPattern is [Expand] for a value that may have placeholders of each request in it. These stay: they
// begin with http or time, or with one of further, such as "payload", or have no dot, as those of map.
func ExpandPattern(option string, value *string, further ...string) error {
	of := append([]string{"http", "time"}, further...)
	expanded, err := caddy.NewReplacer().ReplaceFunc(*value, func(name string, known any) (any, error) {
		family, _, _ := strings.Cut(name, ".")
		switch {
		case globals.MatchString(name) && known != nil && known != "":
			return known, nil
		case globals.MatchString(name):
			return nil, fmt.Errorf("the placeholder {%s} comes out empty", name)
		case slices.Contains(of, family), ofMap.MatchString(name):
			return "{" + name + "}", nil
		}
		return nil, fmt.Errorf("the placeholder {%s} is not known", name)
	})
	if err == nil {
		err = restrict.Text(ofRequests.ReplaceAllString(expanded, "x"))
	}
	if err != nil {
		return fmt.Errorf("option %s: %w", option, err)
	}
	*value = expanded
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
