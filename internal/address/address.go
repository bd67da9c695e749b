// Package address parses the addresses of the queue, the database and the blob store. Those of
// servers are parsed further by the package that talks to the server.
package address

import (
	"errors"
	"slices"
	"strings"
)

// Address is where a queue, a database or a blob store is.
type Address struct {
	// URL is the whole address. It may hold a password; see [Redact].
	URL string
	// Scheme stands before the colon.
	Scheme string
	// Path is the file of the scheme sqlite, or the folder of the scheme file. It is empty
	// for servers.
	Path string
}

// Embedded reports whether no server is needed.
func (a Address) Embedded() bool { return a.Path != "" }

// Queue parses the address of a queue: "sqlite:<path>", "amqp://…" or "amqps://…".
func Queue(url string) (Address, error) {
	return parse(url, "must be sqlite:<path>, amqp://<host> or amqps://<host>", "sqlite", "amqp", "amqps")
}

// Database parses the address of a database: "sqlite:<path>" or "postgres://…".
func Database(url string) (Address, error) {
	return parse(url, "must be sqlite:<path> or postgres://<host>", "sqlite", "postgres", "postgresql")
}

// Replica parses the address of the read replicas of a database: "postgres://…".
func Replica(url string) (Address, error) {
	return parse(url, "must be postgres://<host>", "postgres", "postgresql")
}

// BlobStore parses the address of a blob store: "file:<folder>" or "s3://…".
func BlobStore(url string) (Address, error) {
	return parse(url, "must be file:<folder> or s3://<bucket>/<prefix>?endpoint=<url>&region=<region>", "file", "s3")
}

// parse never repeats the address in its errors, which may hold a password.
func parse(url, must string, schemes ...string) (Address, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	a := Address{URL: url, Scheme: scheme}
	if !slices.Contains(schemes, scheme) {
		return Address{}, errors.New(must)
	}
	if scheme != "sqlite" && scheme != "file" {
		if !strings.HasPrefix(rest, "//") {
			return Address{}, errors.New(must)
		}
		return a, nil
	}
	a.Path = rest
	if absolute, slashes := strings.CutPrefix(rest, "//"); slashes {
		a.Path = absolute
		if !strings.HasPrefix(absolute, "/") {
			a.Path = ""
		}
	}
	if a.Path == "" || strings.ContainsAny(a.Path, "?#\x00") {
		return Address{}, errors.New("must be " + scheme + ":<path> or " + scheme + ":///<absolute path>, such as " + scheme + ":data/name")
	}
	return a, nil
}
