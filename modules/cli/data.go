package cli

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
)

// The files in the data folder.
const (
	jwtSecretFile  = "jwt.secret"
	botSecretFile  = "demo-bot.secret"
	apiSecretFile  = "api.secret"
	consoleSecret  = "console.secret"
	botsFile       = "bots.json"
	secretFileType = ".secret"
	demoBot        = "demo"
)

// demoBots is the bots file to start from, with the address of the example bot.
const demoBots = `{
  "bots": {
    "demo": {
      "url": "%s",
      "allow_private": true,
      "secret_files": ["demo-bot.secret"],
      "keep_answers": "failed"
    }
  }
}
`

func initCommand() caddycmd.Command {
	return command("init", "", "Makes random secrets and a bots file to start from", `
Makes what the shipped Caddyfile reads and is not there yet, with mode 0600: a secret for
tokens, one for the backend's API, one for the console, one for each platform, and a bots
file with one bot, "demo". What is there already is left as it is.`, nil, func(fl caddycmd.Flags) error {
		made, err := initialize(fl.String("data"), defaultBotListen)
		for _, path := range made {
			fmt.Println("made", path)
		}
		return err
	})
}

// initialize makes the missing files of the data folder, with the example bot at an address, and returns their
// paths.
func initialize(dir, bot string) (made []string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	for _, f := range []struct{ name, content string }{
		{jwtSecretFile, hex.EncodeToString(randomKey()) + "\n"},
		{"github" + secretFileType, hex.EncodeToString(randomKey()) + "\n"},
		{"standard-webhooks" + secretFileType, webhookSecret()},
		{botSecretFile, webhookSecret()},
		{apiSecretFile, hex.EncodeToString(randomKey()) + "\n"},
		{consoleSecret, hex.EncodeToString(randomKey()) + "\n"},
		{botsFile, fmt.Sprintf(demoBots, demoURL(bot))},
	} {
		path := filepath.Join(dir, f.name)
		switch err := writeNew(path, []byte(f.content)); {
		case err == nil:
			made = append(made, path)
		case !errors.Is(err, fs.ErrExist):
			return made, fmt.Errorf("--data: %w", err)
		}
	}
	return made, nil
}

// demoURL is where an example bot that listens gets its events.
func demoURL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if address := net.ParseIP(host); err == nil && (host == "" || address != nil && address.IsUnspecified()) {
		listen = net.JoinHostPort("127.0.0.1", port)
	}
	return "http://" + listen + "/events"
}

// writeNew writes a file that must not exist yet. It appears whole or not at all, also
// when two processes start at the same time.
func writeNew(path string, content []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(content)
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// Some file systems have no links; there, being first is all that can be had.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Sync(), file.Close())
}

// webhookSecret makes a secret in the form of Standard Webhooks.
func webhookSecret() string {
	return "whsec_" + base64.StdEncoding.EncodeToString(randomKey()) + "\n"
}

func randomKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // It never fails: see its documentation.
	return key
}

func envOr(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}
