package s3

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/botgate/botgate/internal/outbound"
)

const (
	defaultEndpoint = "https://s3.amazonaws.com"
	defaultRegion   = "us-east-1"
)

// address is a URL taken apart.
type address struct {
	bucket, prefix string
	// host is the server's host and port; secure says that it speaks TLS.
	host   string
	secure bool
	region string
	// credentials is a file; empty for the environment.
	credentials string
	// private lets the endpoint be at an address that is not public.
	private bool
	// ca is a file with certificates; empty for the system's.
	ca string
}

var (
	validBucket = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	validPrefix = regexp.MustCompile(`^[A-Za-z0-9!_'()-][A-Za-z0-9!_.'()-]*(/[A-Za-z0-9!_'()-][A-Za-z0-9!_.'()-]*)*$`)
)

// CheckURL reports what is wrong with a URL, as far as it can be known without the server.
func CheckURL(rawURL string) error {
	_, err := parse(rawURL)
	return err
}

// parse takes a URL apart. Errors do not show it: it may have a secret where none belongs.
func parse(rawURL string) (address, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "s3" || u.Opaque != "" {
		return address{}, errors.New("must be s3://<bucket>/<prefix>?endpoint=<url>&region=<region>")
	}
	prefix := strings.Trim(u.Path, "/")
	switch {
	case u.User != nil:
		return address{}, errors.New("credentials do not belong into the address: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the parameter credentialsfile")
	case !validBucket.MatchString(u.Host):
		return address{}, errors.New("must begin with s3://<bucket>, 3 to 63 lower-case letters, digits, '-' and '.'")
	case prefix != "" && !validPrefix.MatchString(prefix):
		return address{}, errors.New("the prefix after the bucket may have letters, digits, '/' and !_.'()-")
	}
	a := address{bucket: u.Host, prefix: prefix, region: defaultRegion}
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return address{}, errors.New("the parameters after the '?' can't be read")
	}
	endpoint, private := defaultEndpoint, "false"
	known := map[string]*string{
		"endpoint": &endpoint, "allow_private": &private, "region": &a.region, "credentialsfile": &a.credentials, "cacertfile": &a.ca,
	}
	for name, values := range parameters {
		field := known[name]
		if field == nil || len(values) > 1 || values[0] == "" {
			return address{}, errors.New("there are the parameters endpoint, allow_private, region, credentialsfile and cacertfile, each once and with a value")
		}
		*field = values[0]
	}
	if private != "true" && private != "false" {
		return address{}, errors.New("the parameter allow_private must be true or false")
	}
	a.private = private == "true"
	return a, a.setEndpoint(endpoint)
}

func (a *address) setEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil ||
		strings.Trim(u.Path, "/")+u.RawQuery+u.Fragment != "" {
		return errors.New("the parameter endpoint must be a server like https://s3.example.com")
	}
	if err := outbound.CheckHost(u.Hostname()); err != nil && !a.private {
		return fmt.Errorf("the parameter endpoint: %w: the parameter allow_private=true lets bodies go there", err)
	}
	if u.Scheme == "http" && a.ca != "" {
		return fmt.Errorf("the parameter cacertfile needs an endpoint with https")
	}
	a.host, a.secure = u.Host, u.Scheme == "https"
	return nil
}
