package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// longValid is a day more than the alert about certificates asks for.
const longValid = 15 * 24 * time.Hour

// noBotgate are the alerts that fire where nothing of Botgate runs.
var noBotgate = []string{"DepthUnknown", "GatewayDown"}

// TestAlertsCertificate has a real blackbox exporter look at a site whose certificate is near its end, and past it.
func TestAlertsCertificate(t *testing.T) {
	if !chaosWanted() {
		t.Skip("part of make chaos")
	}
	t.Parallel()
	site := newExpiringSite(t)
	jobs := map[string][]string{"botgate-certificate": {site.server.URL}}
	p := startPrometheusWith(t, fasterRules(t, faster*2), startBlackbox(t, site.authority), jobs)
	p.awaitAsked(t, 45)
	for _, certificate := range []struct {
		name  string
		valid time.Duration
	}{
		{"certificate valid for 15 days", longValid},
		{"certificate valid for 13 days", 13 * 24 * time.Hour},
		{"certificate expired", -time.Minute},
	} {
		t.Run(certificate.name, func(t *testing.T) {
			site.use(longValid)
			p.awaitFiring(t, noBotgate)
			began, want := time.Now(), slices.Concat(alertsOf[certificate.name], noBotgate)
			slices.Sort(want)
			site.use(certificate.valid)
			p.awaitFiring(t, want)
			require.Equal(t, want, p.fired(t, began, want))
		})
	}
}

// awaitAsked waits until the site was asked so often, and answered: longer than an alert waits.
func (p *prometheusServer) awaitAsked(t *testing.T, times int) {
	t.Helper()
	eventuallyWithin(t, 5*time.Minute, func() error {
		found, err := p.query(fmt.Sprintf("sum_over_time(probe_success[3m]) > %d", times))
		if err == nil && len(found) == 0 {
			err = errors.New("the site is not asked often enough")
		}
		return err
	})
}

// expiringSite answers by HTTPS with a certificate that can be replaced.
type expiringSite struct {
	t           *testing.T
	server      *httptest.Server
	certificate atomic.Pointer[tls.Certificate]
	key         *ecdsa.PrivateKey
	// ca signs the certificates, and authority is its file.
	ca        *x509.Certificate
	authority string
}

func newExpiringSite(t *testing.T) *expiringSite {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s := &expiringSite{t: t, key: key, authority: filepath.Join(t.TempDir(), "ca.pem")}
	s.ca = s.sign(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, Subject: pkix.Name{CommonName: "ca"}}, 24*365*time.Hour)
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.ca.Raw}
	require.NoError(t, os.WriteFile(s.authority, pem.EncodeToMemory(block), 0o600))
	s.use(longValid)
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*s.certificate.Load()}}, nil
	}}
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	return s
}

// use has the site show a certificate that is valid for so long.
func (s *expiringSite) use(valid time.Duration) {
	s.t.Helper()
	signed := s.sign(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, valid)
	s.certificate.Store(&tls.Certificate{Certificate: [][]byte{signed.Raw}, PrivateKey: s.key})
}

// sign makes a certificate of the site's key, which the authority has, too.
func (s *expiringSite) sign(template *x509.Certificate, valid time.Duration) *x509.Certificate {
	s.t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(valid)
	parent := template
	if s.ca != nil {
		parent = s.ca
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, s.key.Public(), s.key)
	require.NoError(s.t, err)
	signed, err := x509.ParseCertificate(raw)
	require.NoError(s.t, err)
	return signed
}

// startBlackbox starts the exporter, which trusts that authority.
func startBlackbox(t *testing.T, authority string) (address string) {
	t.Helper()
	const program = "prometheus-blackbox-exporter"
	programs, err := exec.Command("sh", "../deploy/unpack.sh", program, program).Output()
	require.NoError(t, err)
	dir := t.TempDir()
	address = testsvc.FreeAddresses(t, 1)[0]
	config := fmt.Sprintf("modules: {http_2xx: {prober: http, http: {tls_config: {ca_file: %q}}}}", authority)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "blackbox.yml"), []byte(config), 0o600))
	start(t, dir, nil, filepath.Join(strings.TrimSpace(string(programs)), program),
		"--config.file=blackbox.yml", "--web.listen-address="+address)
	return address
}
