// Package address parses the addresses of the queue, the database and the blob store: it
// returns the file or folder of an embedded one, and "" for a server, whose address is parsed
// further by the package that talks to the server. Errors never repeat an address, which may
// hold a password; see also [Redact].
package address

import (
	"errors"
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
