package rabbitmq

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
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
	// password says whether uri has one.
	password bool
}

// CheckURL reports what is wrong with a [Config.URL] as far as it can be known without
// reading files or asking the broker. Its errors never contain the password.
func CheckURL(raw string) error {
	_, _, err := parseURL(raw)
	return err
}

// parameters are those of a URL; see [Config.URL]. All but queues are paths of files.
type parameters struct{ ca, cert, key, password, queues string }

// sharedMode is the only value of the parameter queues.
const sharedMode = "shared"

// parseURL splits a URL that names several hosts, and checks everything that can be known without
// the broker. Its errors never repeat the URL, which holds the password.
func parseURL(raw string) ([]endpoint, parameters, error) {
	endpoints, found, err := splitURL(raw)
	switch {
	case err != nil:
	case endpoints[0].password == (found.password != ""):
		err = errors.New("queue URL must name a user and a password, or a passwordfile instead of the password")
	case (found.cert == "") != (found.key == ""):
		err = errors.New("queue client certificate and key (certfile and keyfile) must be given together")
	case !endpoints[0].tls && found.ca+found.cert+found.key != "":
		err = errors.New("queue certificates are set but the queue URL is not amqps://")
	case found.queues != "" && found.queues != sharedMode:
		err = fmt.Errorf("queue URL: the parameter queues can only be %s", sharedMode)
	}
	return endpoints, found, err
}

func splitURL(raw string) (endpoints []endpoint, found parameters, err error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || (scheme != "amqp" && scheme != "amqps") {
		return nil, found, errors.New("queue URL must begin with amqp:// or amqps://")
	}
	authority, tail := rest, ""
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority, tail = rest[:end], rest[end:]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return nil, found, errors.New("queue URL names no user: use amqp://user:password@host, special characters percent-encoded")
	}
	if strings.ContainsAny(tail, "@#") {
		// Perhaps what follows the first "@" is still the password.
		return nil, found, errors.New("queue URL is malformed: percent-encode special characters, \"@\" as %40 and \"#\" as %23")
	}
	vhost, query, _ := strings.Cut(tail, "?")
	if found, err = parseQuery(query); err != nil {
		return nil, found, err
	}
	for host := range strings.SplitSeq(authority[at+1:], ",") {
		e, err := newEndpoint(scheme, authority[:at], host, vhost)
		if err != nil {
			return nil, found, err
		}
		endpoints = append(endpoints, e)
	}
	return endpoints, found, nil
}

// parseQuery refuses what it does not know, because a setting that is silently ignored
// is one that an operator believes in.
func parseQuery(query string) (found parameters, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return found, errors.New("queue URL has a malformed query: percent-encode special characters")
	}
	known := map[string]*string{
		"cacertfile": &found.ca, "certfile": &found.cert, "keyfile": &found.key, "passwordfile": &found.password,
		"queues": &found.queues,
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		field := known[name]
		switch {
		case field == nil:
			return found, fmt.Errorf("queue URL: unknown parameter %q: there are cacertfile, certfile, keyfile, passwordfile and queues", name)
		case len(values[name]) != 1 || values[name][0] == "":
			return found, fmt.Errorf("queue URL: parameter %s must be given once and have a value", name)
		}
		*field = values[name][0]
	}
	return found, nil
}

func newEndpoint(scheme, user, host, vhost string) (endpoint, error) {
	uri := scheme + "://" + user + "@" + host + vhost
	u, err := url.Parse(uri)
	if err != nil {
		return endpoint{}, errors.New("queue URL is malformed: percent-encode special characters in user and password")
	}
	password, given := u.User.Password()
	port, err := strconv.Atoi(u.Port())
	switch {
	case u.User.Username() == "" || given && password == "":
		return endpoint{}, errors.New("queue URL must name a user and a password")
	case u.Hostname() == "":
		return endpoint{}, errors.New("queue URL names an empty host")
	case strings.Count(host, ":") > 1 && host[0] != '[':
		return endpoint{}, errors.New("queue URL: put an IPv6 address in brackets")
	case u.Port() != "" && (err != nil || port < 1 || port > 65535):
		return endpoint{}, fmt.Errorf("queue URL: port %q is not between 1 and 65535", u.Port())
	}
	if _, err := amqp.ParseURI(uri); err != nil {
		return endpoint{}, errors.New("queue URL is malformed: see https://www.rabbitmq.com/docs/uri-spec")
	}
	return endpoint{uri: uri, host: u.Host, tls: scheme == "amqps", password: given}, nil
}
