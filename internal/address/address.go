// Package address parses the addresses of the queue, the database and the blob store: it
// returns the file or folder of an embedded one, and "" for a server, whose address is parsed
// further by the package that talks to the server. Errors never repeat an address, which may
// hold a password; see also [Redact].
package address

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// Queue parses the address of a queue: "sqlite:<path>", "amqp://…" or "amqps://…".
func Queue(url string) (path string, err error) {
	return parse(url, "must be sqlite:<path>, amqp://<host> or amqps://<host>", "sqlite", "amqp", "amqps")
}

// Database parses the address of a database: "sqlite:<path>" or "postgres://…".
func Database(url string) (path string, err error) {
	return parse(url, "must be sqlite:<path> or postgres://<host>", "sqlite", "postgres", "postgresql")
}

// Replica parses the address of the read replicas of a database: "postgres://…".
func Replica(url string) (path string, err error) {
	return parse(url, "must be postgres://<host>", "postgres", "postgresql")
}

// BlobStore parses the address of a blob store: "file:<folder>" or "s3://…".
func BlobStore(url string) (path string, err error) {
	return parse(url, "must be file:<folder> or s3://<bucket>/<prefix>?endpoint=<url>&region=<region>", "file", "s3")
}

func parse(url, must string, schemes ...string) (path string, err error) {
	scheme, rest, _ := strings.Cut(url, ":")
	absolute, slashes := strings.CutPrefix(rest, "//")
	embedded := scheme == "sqlite" || scheme == "file"
	switch {
	case !slices.Contains(schemes, scheme), !embedded && !slashes:
		return "", errors.New(must)
	case !embedded:
		return "", nil
	case slashes && strings.HasPrefix(absolute, "/"):
		rest = absolute
	case slashes:
		rest = ""
	}
	if rest == "" || strings.ContainsAny(rest, "?#\x00") {
		return "", errors.New("must be " + scheme + ":<path> or " + scheme + ":///<absolute path>, such as " + scheme + ":data/name")
	}
	return rest, nil
}

// plain matches addresses whose parts can be told apart for sure. What stands
// before the '@' and in the query may be a password; the groups leave both out.
var plain = regexp.MustCompile(
	`^([a-z][a-z0-9]*://)(?:[^@/?#]*@)?((?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?(?:,(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?)*)?(/[^@?#]*)?(?:\?[^@]*)?$`)

// Redact returns an address without what may be a secret: user,
// password and query. An address that can't be taken apart for sure shows its scheme only.
func Redact(url string) string {
	if url == "" || strings.HasPrefix(url, "sqlite:") || strings.HasPrefix(url, "file:") {
		return url
	}
	if m := plain.FindStringSubmatch(url); m != nil {
		return m[1] + m[2] + m[3]
	}
	scheme, _, found := strings.Cut(url, "://")
	if !found {
		return "[redacted]"
	}
	return scheme + "://[redacted]"
}
