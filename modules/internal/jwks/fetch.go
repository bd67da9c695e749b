package jwks

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/botgate/botgate/internal/outbound"
)

const (
	maxRedirects  = 3
	discoveryPath = "/.well-known/openid-configuration"
)

// fetcher gets key sets from an address, or from the one that a metadata document names.
type fetcher struct {
	config Config
	client *http.Client
	// host is the one of the configured address.
	host string
	// allow judges the addresses that are dialed.
	allow outbound.Allow
}

func newFetcher(c Config) *fetcher {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 1
	f := &fetcher{config: c}
	if configured, err := url.Parse(cmp.Or(c.URL, c.MetadataURL, c.Issuer)); err == nil {
		f.host = configured.Hostname()
	}
	f.allow = outbound.Beside(f.host)
	outbound.Guard(transport, f.allow)
	f.client = &http.Client{
		Transport: transport, Timeout: c.Timeout,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("too many redirects")
			}
			if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
				return errors.New("redirected from https to http")
			}
			return f.check(req.URL)
		},
	}
	return f
}

// check is for the addresses that the provider names: plain http is for loopback only, as it is
// in the configuration, and only for a provider that is there itself.
func (f *fetcher) check(address *url.URL) error {
	if address.Scheme == "http" && !isLoopback(f.host) {
		return fmt.Errorf("%q is not an https address, and the configured one is not on loopback", address.Redacted())
	}
	return outbound.CheckEncrypted(address)
}

func isLoopback(host string) bool {
	scope, ok := outbound.Literal(host)
	return ok && scope == outbound.Loopback
}

// fetch returns the key set as it is served.
func (f *fetcher) fetch(ctx context.Context) ([]byte, error) {
	address := f.config.URL
	if address == "" {
		var err error
		if address, err = f.discover(ctx); err != nil {
			return nil, err
		}
	}
	return f.get(ctx, address)
}

// discover returns the address in a metadata document (OpenID Connect Discovery 1.0, section 4).
func (f *fetcher) discover(ctx context.Context) (string, error) {
	address := f.config.MetadataURL
	if address == "" {
		address = strings.TrimSuffix(f.config.Issuer, "/") + discoveryPath
	}
	raw, err := f.get(ctx, address)
	if err != nil {
		return "", err
	}
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(raw, &metadata); err != nil {
		return "", fmt.Errorf("parsing the metadata of the issuer: %w", err)
	}
	if f.config.Issuer != "" && metadata.Issuer != f.config.Issuer {
		return "", fmt.Errorf("the metadata is that of the issuer %q and not of %q", metadata.Issuer, f.config.Issuer)
	}
	if metadata.JWKSURI == "" {
		return "", errors.New(`the metadata of the issuer has no "jwks_uri"`)
	}
	return metadata.JWKSURI, nil
}

func (f *fetcher) get(ctx context.Context, address string) ([]byte, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%q is not an address", address)
	}
	if err := f.check(parsed); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for keys: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking for keys: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for keys: the answer has status %d", resp.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, f.config.MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("reading keys: %w", err)
	}
	if int64(len(raw)) > f.config.MaxBody {
		return nil, fmt.Errorf("reading keys: the answer is larger than %d bytes", f.config.MaxBody)
	}
	return raw, nil
}

func checkAddress(address string) error {
	parsed, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("%q is not an address", address)
	}
	return outbound.CheckEncrypted(parsed)
}
