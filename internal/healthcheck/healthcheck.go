// Package healthcheck asks a process of Botgate how it is, for containers that have no shell and no curl.
package healthcheck

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// timeout is how long an answer may take: less than what a container's health check is given.
const timeout = 3 * time.Second

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 4 << 10

// Get returns the answer at the address; any but 200 is an error that has it. It goes through no proxy.
func Get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("asking %s: %w", url, err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("asking for its health: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("reading the answer of %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s: %s", url, response.Status, answer)
	}
	return string(answer), nil
}

// URL is where a process that listens on host:port is asked for the path on its own machine: all addresses, and none,
// mean loopback.
func URL(listen, path string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("%q is not an address like 127.0.0.1:8081", listen)
	}
	switch address, err := netip.ParseAddr(host); {
	case host == "", err == nil && address == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case err == nil && address == netip.IPv6Unspecified():
		host = "::1"
	}
	return "http://" + net.JoinHostPort(host, port) + path, nil
}
