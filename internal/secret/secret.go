// Package secret reads secrets and keys from where configuration says they are, in the
// encodings in which editors and shells write them. Its errors name the place and never the content.
package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/botgate/botgate/internal/restrict"
)

// FromFile returns what the file holds, as [Clean] has it.
func FromFile(path string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading a secret: %w (botgate init makes those of the shipped Caddyfile)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a secret: %w", err)
	}
	return clean("secret file "+path, raw)
}

// FromEnv returns the value of the environment variable, as [Clean] has it.
func FromEnv(name string) ([]byte, error) {
	return clean("environment variable "+name, []byte(os.Getenv(name)))
}

// clean refuses what is no secret or can't be read, by the name of its place.
func clean(place string, raw []byte) ([]byte, error) {
	cleaned, err := Clean(raw)
	if err == nil {
		err = restrict.Secret(cleaned)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	return cleaned, nil
}
