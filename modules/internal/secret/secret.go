// Package secret reads secrets and keys from where configuration says they are. Its
// errors name the place and never the content.
package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

var errEmpty = errors.New("it is empty")

// FromFile returns what the file holds, without the line breaks at its end.
func FromFile(path string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading a secret: %w (botgate init makes those of the shipped Caddyfile)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a secret: %w", err)
	}
	if raw = bytes.TrimRight(raw, "\r\n"); len(raw) == 0 {
		return nil, fmt.Errorf("secret file %s: %w", path, errEmpty)
	}
	return raw, nil
}

// FromEnv returns the value of the environment variable, without line breaks at its end.
func FromEnv(name string) ([]byte, error) {
	raw := bytes.TrimRight([]byte(os.Getenv(name)), "\r\n")
	if len(raw) == 0 {
		return nil, fmt.Errorf("environment variable %s: %w", name, errEmpty)
	}
	return raw, nil
}
