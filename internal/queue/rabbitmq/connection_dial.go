package rabbitmq

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/secret"
)

const (
	// dialTimeout bounds connecting to one host, handshakes included.
	dialTimeout = 5 * time.Second
	// heartbeat finds a dead peer within three times as long.
	heartbeat = 5 * time.Second
)

// dialer connects to one of the broker's nodes.
type dialer struct {
	endpoints  []endpoint
	parameters parameters
	config     Config
}

func newDialer(c Config) (*dialer, error) {
	endpoints, found, err := parseURL(c.URL)
	if err != nil {
		return nil, err
	}
	d := &dialer{endpoints, found, c}
	if _, err := d.tlsConfig(); err != nil {
		return nil, err
	}
	if _, err := d.credentials(endpoints[0]); err != nil {
		return nil, err
	}
	return d, nil
}

// dial tries all hosts once, beginning anywhere, so that clients spread over them.
func (d *dialer) dial(ctx context.Context, name string) (*amqp.Connection, error) {
	var errs []error
	for _, n := range rand.Perm(len(d.endpoints)) {
		conn, err := d.dialHost(ctx, d.endpoints[n], name)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, fmt.Errorf("connecting to %s: %w", d.endpoints[n].host, explain(err)))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func (d *dialer) dialHost(ctx context.Context, e endpoint, name string) (*amqp.Connection, error) {
	tlsConfig, err := d.tlsConfig()
	if err != nil {
		return nil, err
	}
	sasl, err := d.credentials(e)
	if err != nil {
		return nil, err
	}
	var socket net.Conn
	conn, err := amqp.DialConfig(e.uri, amqp.Config{
		SASL:            sasl,
		Heartbeat:       heartbeat,
		TLSClientConfig: tlsConfig,
		Properties:      amqp.Table{"connection_name": d.config.Prefix + " " + name},
		Dial: func(network, addr string) (_ net.Conn, err error) {
			socket, err = dialCoalesced(ctx, network, addr, d.config.inFlightLimit()+bufferSlack)
			return socket, err
		},
	})
	if err != nil && socket != nil {
		_ = socket.Close()
	}
	return conn, err
}

// credentials reads the password anew, because it may be replaced while we run. They are
// nil where the URL has them.
func (d *dialer) credentials(e endpoint) ([]amqp.Authentication, error) {
	if d.parameters.password == "" {
		return nil, nil
	}
	uri, err := amqp.ParseURI(e.uri)
	if err != nil {
		return nil, errors.New("queue URL is malformed")
	}
	password, err := secret.FromFile(d.parameters.password)
	if err != nil {
		return nil, fmt.Errorf("queue password: %w", err)
	}
	return []amqp.Authentication{&amqp.PlainAuth{Username: uri.Username, Password: string(password)}}, nil
}

// dialCoalesced sets a deadline, which the library lifts after the handshake.
func dialCoalesced(ctx context.Context, network, addr string, buffer int) (net.Conn, error) {
	deadline := time.Now().Add(dialTimeout)
	plain := net.Dialer{Deadline: deadline}
	conn, err := plain.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(deadline); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return coalesceWrites(conn, buffer), nil
}

// tlsConfig reads the files anew, because certificates are replaced while we run. It
// is nil for a URL without TLS.
func (d *dialer) tlsConfig() (*tls.Config, error) {
	if !d.endpoints[0].tls {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if d.parameters.ca != "" {
		pem, err := os.ReadFile(d.parameters.ca)
		if err != nil {
			return nil, fmt.Errorf("queue CA certificates: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("queue CA certificates: %s holds no certificate", d.parameters.ca)
		}
	}
	if d.parameters.cert != "" {
		pair, err := tls.LoadX509KeyPair(d.parameters.cert, d.parameters.key)
		if err != nil {
			return nil, fmt.Errorf("queue client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// isConsumerTimeout reports whether the broker took a delivery back. Before 4.3 it closes the channel for
// that, with the code of a queue that has other arguments.
func isConsumerTimeout(answer *amqp.Error) bool {
	return answer.Code == amqp.PreconditionFailed && strings.Contains(answer.Reason, "timed out")
}

// explain says what to do about an answer of the broker that will not change by itself.
func explain(err error) error {
	var answer *amqp.Error
	if !errors.As(err, &answer) {
		return err
	}
	var advice string
	switch {
	case isConsumerTimeout(answer):
		advice = "a delivery was held for longer than the broker's consumer_timeout"
	case answer.Code == amqp.PreconditionFailed:
		advice = "it exists with other settings: let its consumers drain it, then delete it"
	case answer.Code == amqp.AccessRefused:
		advice = "check user, password and permissions (configure, write and read on the prefix) in the queue URL"
	case answer.Code == amqp.NotAllowed:
		advice = "check the virtual host in the queue URL"
	default:
		return err
	}
	return fmt.Errorf("%s (%w)", advice, err)
}
