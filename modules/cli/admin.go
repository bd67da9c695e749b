package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/pflag"
)

// maxAdminAnswer bounds what is read of an answer of the admin endpoint.
const maxAdminAnswer = 64 << 20

// addressFlag says where the running gateway can be asked.
func addressFlag(flags *pflag.FlagSet) {
	flags.String("address", envOr(envAdmin, caddy.DefaultAdminListen), "Address of the running gateway's admin endpoint ("+envAdmin+")")
}

// askGateway asks a running gateway at its admin endpoint, with content in JSON. Its answer fills into.
func askGateway(address, method, path string, content, into any) error {
	raw, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("asking the gateway: %w", err)
	}
	response, err := caddycmd.AdminAPIRequest(address, method, path, nil, bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("asking the gateway at %s (option --address, or %s): %w", address, envAdmin, err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAdminAnswer)).Decode(into); err != nil {
		return fmt.Errorf("reading the answer of the gateway at %s: %w", address, err)
	}
	return nil
}
