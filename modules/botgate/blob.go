package botgate

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	blobopen "github.com/botgate/botgate/internal/blob/open"
	"github.com/botgate/botgate/internal/queue/claimcheck"
)

// Blob says where large bodies are kept, so that messages stay small.
type Blob struct {
	// URL is the address of the store, which gateways and backends must share:
	// file:<folder>, or s3://<bucket>/<prefix>?endpoint=<url>&region=<region>. Default: the
	// folder blobs beside the file of the embedded queue; with RabbitMQ none, and bodies
	// travel in messages.
	URL string `json:"url,omitempty"`

	// Threshold is the largest body in bytes that travels in the message; 0 keeps all of
	// them there. Default: 256 KB.
	Threshold *int64 `json:"threshold,omitempty"`

	// Retention is how old a body in a folder gets before the embedded backend's role record
	// removes it; 0 removes nothing. Default: 30 days.
	Retention *caddy.Duration `json:"retention,omitempty"`
}

// provisionBlob checks the options; it opens nothing.
func (a *App) provisionBlob() error {
	if a.Blob.URL == "" {
		a.Blob.URL = blobopen.Default(a.QueueURL)
	}
	if a.Blob.URL != "" {
		if err := blobopen.Check(a.Blob.URL); err != nil {
			return fmt.Errorf("option blob: %w", err)
		}
	}
	if a.Blob.Threshold != nil && *a.Blob.Threshold < 0 {
		return fmt.Errorf("option blob: threshold must not be negative")
	}
	if err := blobopen.CheckRetention(a.Blob.retention()); err != nil {
		return fmt.Errorf("option blob, retention: %w", err)
	}
	return nil
}

func (b Blob) retention() time.Duration {
	if b.Retention == nil {
		return blobopen.DefaultRetention
	}
	return time.Duration(*b.Retention)
}

// threshold is that of the claim check, to which 0 is the default.
func (b Blob) threshold() int {
	switch {
	case b.Threshold == nil:
		return claimcheck.DefaultThreshold
	case *b.Threshold == 0:
		return -1
	}
	return int(*b.Threshold)
}
