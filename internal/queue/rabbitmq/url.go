package rabbitmq

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// endpoint is one node of the broker.
type endpoint struct {
	// uri holds the password and must not be logged.
	uri string
	// host is for the log.
	host string
	tls  bool
}

// parseURL splits a URL that names several hosts. Its errors never repeat the URL,
// which holds the password.
func parseURL(raw string) ([]endpoint, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || (scheme != "amqp" && scheme != "amqps") {
		return nil, errors.New("queue URL must begin with amqp:// or amqps://")
	}
	authority, tail := rest, ""
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority, tail = rest[:end], rest[end:]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return nil, errors.New("queue URL names no user: use amqp://user:password@host")
	}
	var endpoints []endpoint
	for host := range strings.SplitSeq(authority[at+1:], ",") {
		e, err := newEndpoint(scheme, authority[:at], host, tail)
		if err != nil {
			return nil, err
		}
		endpoints = append(endpoints, e)
	}
	return endpoints, nil
}

func newEndpoint(scheme, user, host, tail string) (endpoint, error) {
	uri := scheme + "://" + user + "@" + host + tail
	u, err := url.Parse(uri)
	if err != nil {
		return endpoint{}, errors.New("queue URL is malformed: percent-encode special characters in user and password")
	}
	password, _ := u.User.Password()
	port, err := strconv.Atoi(u.Port())
	switch {
	case u.User.Username() == "" || password == "":
		return endpoint{}, errors.New("queue URL must name a user and a password")
	case u.Hostname() == "":
		return endpoint{}, errors.New("queue URL names an empty host")
	case strings.Count(host, ":") > 1 && host[0] != '[':
		return endpoint{}, errors.New("queue URL: put an IPv6 address in brackets")
	case u.Fragment != "":
		return endpoint{}, errors.New("queue URL must not have a fragment: percent-encode a \"#\" in the password")
	case u.Port() != "" && (err != nil || port < 1 || port > 65535):
		return endpoint{}, fmt.Errorf("queue URL: port %q is not between 1 and 65535", u.Port())
	}
	if _, err := amqp.ParseURI(uri); err != nil {
		return endpoint{}, errors.New("queue URL is malformed: see https://www.rabbitmq.com/docs/uri-spec")
	}
	return endpoint{uri: uri, host: u.Host, tls: scheme == "amqps"}, nil
}
