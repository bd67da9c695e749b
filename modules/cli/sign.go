package cli

import (
	"cmp"
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
	secretFile := cmp.Or(fl.String("secret-file"), filepath.Join(fl.String("data"), fl.Arg(0)+secretFileType))
	return signFile(fl.Arg(0), fl.Arg(1), secretFile, fl.String("id"), fl.String("event"))
}

// signFile returns the headers with which a platform sends a file. An empty id is a new one, an empty event of GitHub
// the file's name.
func signFile(name, path, secretFile, id, eventName string) (http.Header, error) {
	sender, err := platform.New(name, nil)
	if err != nil {
		return nil, err
	}
	signer, ok := sender.(platform.Signer)
	if !ok {
		return nil, fmt.Errorf("no signature of %s can be made from a secret and a file alone", name)
	}
	raw, err := secret.FromFile(secretFile)
	if err != nil {
		return nil, err
	}
	key, err := sender.ParseSecret(raw)
	if err != nil {
		return nil, err
	}
	body, err := readInput(path)
	if err != nil {
		return nil, err
	}
	if id == "" {
		if id, err = event.NewID(""); err != nil {
			return nil, err
		}
	}
	header := signer.Sign(key, &platform.Request{
		Method: http.MethodPost, Body: body, Now: time.Now(),
	}, id)
	header.Set("Content-Type", "application/json")
	if name == "github" {
		header.Set("X-GitHub-Event", cmp.Or(eventName, strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))))
	}
	return header, nil
}

func readInput(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(path)
}
