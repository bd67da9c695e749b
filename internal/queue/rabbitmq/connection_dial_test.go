package rabbitmq_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

// A broker with a certificate of a private CA, which asks for a client's, is reached with
// the files that the URL names, and not without.
func TestTLSFilesOfTheURL(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	certFile, keyFile := selfSigned(t)
	proxy := testsvc.StartProxyOn(t, address, listenTLS(t, certFile, keyFile))
	plain, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	plain.Scheme = "amqps"

	full := *plain
	full.RawQuery = url.Values{"cacertfile": {certFile}, "certfile": {certFile}, "keyfile": {keyFile}}.Encode()
	q := openReady(t, rabbitmq.Config{URL: full.String(), Prefix: prefix})
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "key")))

	err = reasonOf(t, open(t, rabbitmq.Config{URL: plain.String(), Prefix: prefix}))
	require.ErrorContains(t, err, "certificate signed by unknown authority")
	full.RawQuery = url.Values{"cacertfile": {certFile}}.Encode()
	require.Error(t, reasonOf(t, open(t, rabbitmq.Config{URL: full.String(), Prefix: prefix})))

	full.RawQuery = url.Values{"cacertfile": {keyFile + ".missing"}}.Encode()
	_, err = rabbitmq.Open(t.Context(), rabbitmq.Config{URL: full.String()})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func listenTLS(t *testing.T, certFile, keyFile string) net.Listener {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	clients := x509.NewCertPool()
	clients.AddCert(pair.Leaf)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
	})
	require.NoError(t, err)
	return listener
}

// selfSigned makes a certificate for both ends that vouches for itself.
func selfSigned(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	return write("cert.pem", "CERTIFICATE", cert), write("key.pem", "PRIVATE KEY", private)
}

// A password in a file is read again at each connection.
func TestPasswordFile(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	u, err := url.Parse(address)
	require.NoError(t, err)
	password, _ := u.User.Password()
	file := filepath.Join(t.TempDir(), "password")
	u.User = url.User(u.User.Username())
	u.RawQuery = url.Values{"passwordfile": {file}}.Encode()
	config := rabbitmq.Config{URL: u.String(), Prefix: newPrefix(t, address)}

	_, err = rabbitmq.Open(t.Context(), config)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(file, []byte("not yet\n"), 0o600))
	q := open(t, config)
	require.ErrorContains(t, reasonOf(t, q), "check user, password and permissions")
	require.NoError(t, os.WriteFile(file, []byte(password+"\n"), 0o600))
	require.Eventually(t, func() bool { return q.Publish(t.Context(), newEvent(t, "key")) == nil }, patience, 10*time.Millisecond)
}
