package modules_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// slip is something that an operator writes, or forgets, that would open the door, and what "botgate validate" says.
type slip struct {
	name string
	// config is a Caddyfile, or what stands in its site. DATA in it is the data folder, in which there are the files
	// jwt.secret and hook.secret.
	config string
	// env are environment variables, and files those of the data folder, by their names.
	env, files map[string]string
	// level is "error", "warning" where somebody can mean it, or "nothing"; text is part of what is said.
	level, text string
}

// readSlips reads testdata/slips: configurations with a name in their first line, "env" and "file" with a name and a
// quoted value in the next ones, a line of dashes, and the level and the text. Lines of "=" are between them.
func readSlips(t *testing.T) (slips []slip) {
	t.Helper()
	paths, err := filepath.Glob("testdata/slips/*.txt")
	require.NoError(t, err)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		for one := range strings.SplitSeq(string(content), "\n==========\n") {
			slips = append(slips, readSlip(t, one))
		}
	}
	return slips
}

func readSlip(t *testing.T, from string) slip {
	t.Helper()
	config, says, ok := strings.Cut(from, "\n----------\n")
	require.True(t, ok, from)
	s := slip{env: map[string]string{}, files: map[string]string{
		"jwt.secret": "4c0f8f5f0a0b4c2e9d3b7a61c5e2f90b\n", "hook.secret": "2f7c9f1b6a3d4e8fa0b1c2d3e4f5a6b7\n",
	}}
	s.level, s.text, _ = strings.Cut(strings.TrimSpace(says), " ")
	s.name, s.config, _ = strings.Cut(config, "\n")
	for {
		line, rest, _ := strings.Cut(s.config, "\n")
		var kind, name, value string
		if n, _ := fmt.Sscanf(line, "%s %s %q", &kind, &name, &value); n != 3 {
			return s
		}
		s.config = rest
		map[string]map[string]string{"env": s.env, "file": s.files}[kind][name] = value
	}
}

// caddyfile is the whole of it, with a log in the data folder.
func (s *slip) caddyfile(data string) string {
	config, global := strings.CutPrefix(s.config, "{\n")
	if !global {
		config = "\tbotgate {\n\t\tdata DATA\n\t\tbots demo\n\t}\n}\nhttp://127.0.0.1:0 {\n" + config + "\n}\n"
	}
	config = "{\n\tadmin off\n\tauto_https off\n\tlog {\n\t\toutput file DATA/log\n\t}\n" + config + "\n"
	return strings.ReplaceAll(config, "DATA", data)
}

// validate does what "botgate validate" does, and returns its warnings and its error.
func (s *slip) validate(t *testing.T) (warnings string, err error) {
	t.Helper()
	data := t.TempDir()
	for name, content := range s.files {
		require.NoError(t, os.WriteFile(filepath.Join(data, name), []byte(content), 0o600))
	}
	for name, value := range s.env {
		t.Setenv(name, value)
	}
	err = adaptAndValidate(t, s.caddyfile(data))
	return warningsOf(t, filepath.Join(data, "log")), err
}

// away is what is said of keys' addresses, at which nobody is here.
const away = "keys could not be fetched"

// warningsOf are the lines of a log that an operator has to look at.
func warningsOf(t *testing.T, log string) string {
	t.Helper()
	written, err := os.ReadFile(log)
	if !errors.Is(err, os.ErrNotExist) { // A Caddyfile that can't be read has no log.
		require.NoError(t, err)
	}
	var found strings.Builder
	for line := range bytes.Lines(written) {
		var entry struct{ Level, Msg string }
		require.NoError(t, json.Unmarshal(line, &entry))
		if entry.Level != "info" && !strings.HasPrefix(entry.Msg, away) {
			found.Write(line)
		}
	}
	return found.String()
}

// TestNoSlipOpensTheDoor has misconfigurations, each of which would let somebody in or take a bound away. None passes
// without a word that names what to change, and what is right passes in silence.
func TestNoSlipOpensTheDoor(t *testing.T) {
	count := map[string]int{}
	for _, s := range readSlips(t) {
		count[s.level]++
		t.Run(s.name, func(t *testing.T) {
			warnings, err := s.validate(t)
			if s.level == "error" {
				require.NotEmpty(t, s.text)
				require.ErrorContains(t, err, s.text)
				return
			}
			require.NoError(t, err)
			if s.level == "warning" {
				require.NotEmpty(t, s.text)
				require.Contains(t, warnings, s.text)
				return
			}
			require.Equal(t, "nothing", s.level)
			require.Empty(t, warnings)
		})
	}
	require.GreaterOrEqual(t, count["error"]+count["warning"], 44)
}
