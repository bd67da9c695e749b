package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/pflag"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/secret"
)

func signCommand() caddycmd.Command {
	return command("sign", "<platform> <file>",
		"Prints the headers with which a platform would send a file", `
Signs a file ("-" is standard input) as the platform would and prints the headers, one a line,
in the form that curl reads:

	botgate sign github push.json | curl -H @- --data-binary @push.json http://localhost:8080/hooks/demo/github

The secret is read from <platform>.secret in the data folder unless --secret-file is given.`,
		signFlags, func(fl caddycmd.Flags) error {
			header, err := sign(fl)
			for _, name := range slices.Sorted(maps.Keys(header)) {
				fmt.Printf("%s: %s\n", name, header.Get(name))
			}
			return err
		})
}

func signFlags(flags *pflag.FlagSet) {
	flags.String("secret-file", "", "Secret to sign with (default: <platform>.secret in the data folder)")
	flags.String("id", "", "Delivery id (default: a new one)")
	flags.String("event", "", "GitHub: name of the event (default: the file's name without its ending)")
}

func sign(fl caddycmd.Flags) (http.Header, error) {
	if fl.NArg() != 2 {
		return nil, errors.New("expected a platform and a file; see botgate help sign")
	}
	name, path := fl.Arg(0), fl.Arg(1)
	sender, err := platform.New(name, nil)
	if err != nil {
		return nil, err
	}
	signer, ok := sender.(platform.Signer)
	if !ok {
		return nil, fmt.Errorf("no signature of %s can be made from a secret and a file alone", name)
	}
	secret, err := signingSecret(fl, name, sender)
	if err != nil {
		return nil, err
	}
	body, err := readInput(path)
	if err != nil {
		return nil, err
	}
	id := fl.String("id")
	if id == "" {
		if id, err = event.NewID(""); err != nil {
			return nil, err
		}
	}
	header := signer.Sign(secret, &platform.Request{
		Method: http.MethodPost, Body: body, Now: time.Now(),
	}, id)
	header.Set("Content-Type", "application/json")
	if name == "github" {
		eventName := fl.String("event")
		if eventName == "" {
			eventName = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		}
		header.Set("X-GitHub-Event", eventName)
	}
	return header, nil
}

func signingSecret(fl caddycmd.Flags, name string, sender platform.Platform) (platform.Secret, error) {
	path := fl.String("secret-file")
	if path == "" {
		path = filepath.Join(fl.String("data"), name+secretFileType)
	}
	raw, err := secret.FromFile(path)
	if err != nil {
		return platform.Secret{}, err
	}
	return sender.ParseSecret(raw)
}

func readInput(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(path)
}
