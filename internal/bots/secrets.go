package bots

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/botgate/botgate/internal/restrict"
	"github.com/botgate/botgate/internal/secret"
)

// path is where a secret file is, for a bots file in a folder.
func (entry) path(file, dir string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

func (e entry) secrets(dir string) ([]string, error) {
	var secrets []string
	for _, file := range e.SecretFiles {
		if err := restrict.Text(file); err != nil {
			return nil, fmt.Errorf("secret_files: %w", err)
		}
		raw, err := secret.FromFile(e.path(file, dir))
		if err != nil {
			return nil, fmt.Errorf("secret_files: %w", err)
		}
		secrets = append(secrets, string(raw))
	}
	for _, name := range e.SecretEnvs {
		if err := restrict.Text(name); err != nil {
			return nil, fmt.Errorf("secret_envs: the name of a variable: %w", err)
		}
		raw, err := secret.FromEnv(name)
		if err != nil {
			return nil, fmt.Errorf("secret_envs: %w", err)
		}
		secrets = append(secrets, string(raw))
	}
	if len(secrets) == 0 && !e.Pull {
		return nil, errors.New("secret_files or secret_envs: one must be set")
	}
	return secrets, nil
}
