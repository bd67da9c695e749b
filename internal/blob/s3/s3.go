// Package s3 keeps blobs in a bucket of a server that speaks S3.
package s3

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/outbound"
)

// maxRetries is how often the client sends a request at most; callers have a deadline.
const maxRetries = 3

// Store is a [blob.Store] in a bucket.
type Store struct {
	address   address
	client    minio.Core
	transport *http.Transport
}

// Open returns the store at s3://<bucket>[/<prefix>], with the parameters endpoint (default
// https://s3.amazonaws.com), allow_private (true for an endpoint whose address is not public), region (us-east-1), credentialsfile (a file in the form of
// ~/.aws/credentials) and cacertfile (PEM, for the server's certificate). Without
// credentialsfile the credentials are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
// AWS_SESSION_TOKEN in the environment. The server need not be up and the bucket is not made.
func Open(rawURL string) (*Store, error) {
	a, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	creds, err := a.credentialsFrom()
	if err != nil {
		return nil, err
	}
	transport, err := a.transport()
	if err != nil {
		return nil, err
	}
	client, err := minio.NewCore(a.host, &minio.Options{
		Creds: creds, Secure: a.secure, Region: a.region, Transport: transport, MaxRetries: maxRetries,
	})
	if err != nil {
		return nil, fmt.Errorf("the parameter endpoint: %w", err)
	}
	return &Store{a, *client, transport}, nil
}

// credentialsFrom finds out whether there are credentials. They are read again when they
// expire, and never shown.
func (a address) credentialsFrom() (*credentials.Credentials, error) {
	creds, missing := credentials.NewEnvAWS(),
		"no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the parameter credentialsfile"
	if a.credentials != "" {
		creds = credentials.NewFileAWSCredentials(a.credentials, "")
		missing = "the parameter credentialsfile: " + a.credentials +
			" has no aws_access_key_id and aws_secret_access_key that can be read"
	}
	if value, err := creds.GetWithContext(nil); err != nil || value.AccessKeyID == "" || value.SecretAccessKey == "" {
		return nil, errors.New(missing)
	}
	return creds, nil
}

func (a address) transport() (*http.Transport, error) {
	transport, err := minio.DefaultTransport(a.secure)
	if err != nil {
		return nil, err
	}
	if !a.private {
		outbound.Guard(transport, outbound.PublicOnly)
	}
	if a.ca == "" {
		return transport, nil
	}
	pem, err := os.ReadFile(a.ca)
	if err != nil {
		return nil, fmt.Errorf("the parameter cacertfile: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the parameter cacertfile: %s holds no certificate", a.ca)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return transport, nil
}

// Close implements [blob.Store].
func (s *Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// Put implements [blob.Store]. It does not ask first what is there: an object's age, which
// lifecycle rules go by, counts from its last Put.
func (s *Store) Put(ctx context.Context, ref blob.Ref, data []byte) error {
	options := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: true}
	_, err := s.client.Client.PutObject(ctx, s.address.bucket, s.object(ref), bytes.NewReader(data), int64(len(data)), options)
	if err != nil {
		return s.unavailable("writing", ref, err)
	}
	return nil
}

// Get implements [blob.Store].
func (s *Store) Get(ctx context.Context, ref blob.Ref) ([]byte, error) {
	body, info, _, err := s.client.GetObject(ctx, s.address.bucket, s.object(ref), minio.GetObjectOptions{})
	if err != nil && minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return nil, fmt.Errorf("%w: %s", blob.ErrNotFound, ref)
	}
	if err != nil {
		return nil, s.unavailable("reading", ref, err)
	}
	defer body.Close()
	return blob.Read(body, info.Size, ref)
}

func (s *Store) object(ref blob.Ref) string {
	if s.address.prefix == "" {
		return ref.Key()
	}
	return s.address.prefix + "/" + ref.Key()
}

func (s *Store) unavailable(doing string, ref blob.Ref, err error) error {
	return fmt.Errorf("%w: %s %s in bucket %s at %s: %w", blob.ErrUnavailable, doing, ref, s.address.bucket, s.address.host, err)
}
