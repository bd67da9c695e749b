package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
)

// extendReload has Caddy's command reload look at files, too. Caddy registers the command, so that another one
// of the name can't be; but cobra asks for what a command does only after its initializers. sibling is any
// command beside it.
func extendReload(sibling *cobra.Command) {
	extended := false
	cobra.OnInitialize(func() {
		reload, _, err := sibling.Root().Find([]string{"reload"})
		if err != nil || reload.Name() != "reload" || extended {
			return
		}
		extended = true
		load := reload.RunE
		reload.RunE = func(cmd *cobra.Command, args []string) error {
			return reloadAll(cmd, func() error { return load(cmd, args) })
		}
	})
}

// reloadAll reports the files of the gateway at whose admin endpoint the configuration is loaded, and whether
// that changed.
func reloadAll(cmd *cobra.Command, load func() error) error {
	address, err := adminOf(caddycmd.Flags{FlagSet: cmd.Flags()})
	if err != nil {
		return load() // It says the same in Caddy's way.
	}
	found, err := lookAtFiles(address)
	if err != nil {
		return errors.Join(err, load())
	}
	before, err := configTag(address)
	if err != nil {
		return err
	}
	failure := load()
	after, err := configTag(address)
	if err != nil {
		return errors.Join(failure, err)
	}
	return reportReload(cmd.OutOrStdout(), found, before != after, failure)
}

// reportReload prints what came of a reload, and returns what was refused.
func reportReload(out io.Writer, found gatewayFiles, changed bool, failure error) error {
	var refused []string
	said := map[string]bool{} // Handlers may have the same files.
	for _, r := range found.Files {
		if line := describe(r); !said[line] {
			said[line] = true
			fmt.Fprintln(out, line)
		}
		if r.Error != "" {
			refused = append(refused, r.What)
		}
	}
	switch {
	case failure != nil:
		fmt.Fprintln(out, "configuration: REFUSED, the one before stays in use")
	case changed:
		fmt.Fprintln(out, "configuration: changed")
	default:
		fmt.Fprintln(out, "configuration: unchanged")
	}
	if len(refused) > 0 {
		return errors.Join(failure, fmt.Errorf("files were refused, see above: %s", strings.Join(refused, ", ")))
	}
	return failure
}

// configTag changes with the running configuration.
func configTag(address string) (string, error) {
	response, err := caddycmd.AdminAPIRequest(address, http.MethodGet, "/config/", nil, nil)
	if err != nil {
		return "", fmt.Errorf("asking the gateway at %s for its configuration: %w", address, err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "", fmt.Errorf("reading the configuration of the gateway at %s: %w", address, err)
	}
	return response.Header.Get("Etag"), nil
}

// adminOf finds the admin endpoint as Caddy's command does. What Caddy logs meanwhile it logs again when it
// loads the configuration.
func adminOf(fl caddycmd.Flags) (string, error) {
	if address := fl.String("address"); address != "" || fl.String("config") == "-" {
		return caddycmd.DetermineAdminAPIAddress(address, nil, "", "")
	}
	_, original, lines := caddy.BufferedLog()
	defer caddy.UnbufferDefaultLogger(original)
	defer lines.FlushTo(zap.NewNop())
	config, file, adapter, err := caddycmd.LoadConfig(fl.String("config"), fl.String("adapter"))
	if err != nil {
		return "", err
	}
	return caddycmd.DetermineAdminAPIAddress("", config, file, adapter)
}
