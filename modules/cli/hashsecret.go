package cli

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/term"

	"github.com/botgate/botgate/internal/restrict"
)

const (
	// secretCost is the bcrypt cost that bot_token asks for.
	secretCost = 12
	// maxSecretBytes is what bcrypt looks at: it would ignore the rest.
	maxSecretBytes = 72
	// maxSecretInput is enough to tell that a secret is too long.
	maxSecretInput = 1 << 10
)

func hashSecretCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "hash-secret", Short: "Hashes a client's secret for bot_token",
		Long: `
Reads a secret from standard input, or from the terminal without showing it, and prints its
bcrypt hash for the clients file of bot_token. The secret has from 16 to 72 bytes. With
--generate it makes a random one and prints both: give the secret to the client, and keep
the hash only.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.SilenceUsage = true
			cmd.Args = cobra.NoArgs
			generate := cmd.Flags().Bool("generate", false, "Make a random secret and print it too")
			cmd.RunE = func(*cobra.Command, []string) error {
				if *generate {
					return generateSecret(os.Stdout, secretCost)
				}
				secret, err := askSecret(os.Stdin, os.Stderr)
				if err != nil {
					return err
				}
				return hashSecret(secret, secretCost, os.Stdout)
			}
		},
	}
}

// askSecret reads the secret from the terminal or whatever the input is.
func askSecret(in *os.File, prompts io.Writer) ([]byte, error) {
	if !term.IsTerminal(int(in.Fd())) {
		raw, err := io.ReadAll(io.LimitReader(in, maxSecretInput))
		return bytes.TrimRight(raw, "\r\n"), err
	}
	fmt.Fprintf(prompts, "Secret: ")
	secret, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(prompts)
	return secret, err
}

// hashSecret prints the hash of the secret.
func hashSecret(secret []byte, cost int, out io.Writer) error {
	switch {
	case len(secret) == 0:
		return errors.New("the secret is empty; --generate makes one")
	case len(secret) > maxSecretBytes:
		return fmt.Errorf("the secret has more than %d bytes, of which bcrypt would ignore the rest; "+
			"--generate makes a good one", maxSecretBytes)
	case strings.ContainsFunc(string(secret), func(c rune) bool { return c < ' ' || c > '~' }):
		return errors.New("the secret must be of printable ASCII characters (RFC 6749, appendix A.2); " +
			"--generate makes a good one")
	}
	if err := errors.Join(restrict.Secret(secret), restrict.Size(len(secret), restrict.LeastSecret)); err != nil {
		return fmt.Errorf("%w; --generate makes a good one", err)
	}
	hash, err := bcrypt.GenerateFromPassword(secret, cost)
	if err != nil {
		return fmt.Errorf("hashing the secret: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s\n", hash)
	return err
}

// generateSecret prints a random secret and its hash.
func generateSecret(out io.Writer, cost int) error {
	secret := base64.RawURLEncoding.EncodeToString(randomKey())
	if _, err := fmt.Fprintf(out, "secret: %s\nhash:   ", secret); err != nil {
		return err
	}
	return hashSecret([]byte(secret), cost, out)
}
