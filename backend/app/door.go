package app

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/reload"
	"github.com/botgate/botgate/internal/secret"
)

const (
	// minSecret is the least length of a secret, in bytes.
	minSecret = 16
	// complainEvery is how often refusals for want of the secret are logged at most.
	complainEvery = time.Minute
)

var (
	unknownHost = problem.New(http.StatusForbidden, "unknown-host", "The request is for another host than this one.")
	notGateway  = problem.New(http.StatusForbidden, "not-the-gateway", "The API is behind the gateway.")
)

// open are the paths that need no secret: probes and scrapers have none, and find no event there.
var open = map[string]bool{"/healthz": true, "/readyz": true, "/readyz/self": true, "/metrics": true}

// door says which requests the listener takes. On loopback it is those for a loopback name: the name of a page that was
// rebound to this machine (DNS rebinding) is none. Elsewhere it is those with the gateways' secret. With the secret a
// request is taken for whatever host.
type door struct {
	loopback bool
	hosts    map[string]bool
	// file has the secrets; empty for none. A new one may stand beside the old one.
	file    string
	secrets func() secrets
	logger  *slog.Logger
	// complained is when a refusal was logged last, in Unix nanoseconds.
	complained atomic.Int64
}

// secrets are those that the door takes, as their sums, and the one to show at other doors, empty for none.
type secrets struct {
	sums []sum
	own  string
}

// sum stands for a secret.
type sum = [sha256.Size]byte

func newDoor(c config.Config, logger *slog.Logger) (*door, error) {
	d := &door{loopback: config.Loopback(c.Listen), hosts: map[string]bool{}, file: c.APISecretFile, logger: logger}
	for _, host := range config.Hosts(c.APIHosts) {
		d.hosts[host] = true
	}
	first, err := d.load()
	d.secrets = func() secrets { return first }
	return d, err
}

// secret is what to show at the doors of other processes: the first one, as gateways do.
func (d *door) secret() string { return d.secrets().own }

func (d *door) load() (all secrets, err error) {
	if d.file == "" {
		return all, nil
	}
	content, err := secret.FromFile(d.file)
	if err != nil {
		return all, fmt.Errorf("%s: %w", config.EnvAPISecretFile, err)
	}
	for line := range bytes.Lines(content) {
		line = bytes.TrimSpace(line)
		if len(line) < minSecret {
			return secrets{}, fmt.Errorf("%s: %s: each line must be a secret of at least %d bytes", config.EnvAPISecretFile, d.file, minSecret)
		}
		if all.own == "" {
			all.own = string(line)
		}
		all.sums = append(all.sums, sha256.Sum256(line))
	}
	return all, nil
}

// follow has changes of the file take effect, until what it returns is closed.
func (d *door) follow() (io.Closer, error) {
	value, err := reload.New(reload.Config[secrets]{What: "secret of the API", Files: []string{d.file}, Load: d.load, Logger: d.logger})
	if err == nil {
		d.secrets = value.Get
	}
	return value, err
}

// guard has the handler answer what the door lets through.
func (d *door) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case d.knows(r):
		case d.loopback && !d.names(r.Host):
			_ = unknownHost.Write(w) // Problems can always be encoded.
			return
		case !d.loopback && !open[r.URL.Path]:
			d.complain(r)
			_ = notGateway.Write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// knows reports whether the request has one of the secrets.
func (d *door) knows(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sums := d.secrets().sums
	if len(sums) == 0 || !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	given, known := sha256.Sum256([]byte(token)), 0
	for i := range sums {
		known |= subtle.ConstantTimeCompare(given[:], sums[i][:])
	}
	return known == 1
}

// names reports whether the host, with or without a port, is loopback's or one of the list.
func (d *door) names(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), "."))
	address, err := netip.ParseAddr(host)
	return host == "localhost" || d.hosts[host] || err == nil && address.Unmap().IsLoopback()
}

// complain tells the operator, for it may be a gateway that was not told the secret.
func (d *door) complain(r *http.Request) {
	now, last := time.Now().UnixNano(), d.complained.Load()
	if now-last < int64(complainEvery) || !d.complained.CompareAndSwap(last, now) {
		return
	}
	d.logger.WarnContext(r.Context(), "a request without the gateways' secret was refused: both sides need the same one",
		slog.String("option", config.EnvAPISecretFile), slog.String("client", r.RemoteAddr))
}
