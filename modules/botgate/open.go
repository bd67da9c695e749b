package botgate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/blob"
	openblob "github.com/botgate/botgate/internal/blob/open"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/claimcheck"
	"github.com/botgate/botgate/internal/queue/spool"
)

// opened is what a configuration has opened.
type opened struct {
	// queue is what handlers publish to: the claim check, over the spool, over the broker.
	queue queue.Queue
	// spool is the one in queue; nil where nothing is spooled.
	spool *spool.Queue
	// blobs is where queue keeps large bodies; nil for none.
	blobs blob.Store
}

// Queue returns the shared queue, which it opens where the app has not started yet. Large bodies
// go to the blob store.
func (a *App) Queue() (queue.Queue, error) {
	if o := a.opened.Load(); o != nil {
		return o.queue, nil
	}
	a.opening.Lock()
	defer a.opening.Unlock()
	if o := a.opened.Load(); o != nil {
		return o.queue, nil
	}
	o, err := a.open()
	if err != nil {
		return nil, err
	}
	a.opened.Store(o)
	return o.queue, nil
}

func (a *App) open() (o *opened, err error) {
	o = &opened{}
	broker, err := a.queue.get()
	if err != nil {
		return nil, err
	}
	if a.Blob.URL != "" {
		if o.blobs, err = openblob.Open(a.Blob.URL); err != nil {
			return nil, fmt.Errorf("option blob (BOTGATE_BLOB_URL): %w", err)
		}
	}
	if o.spool, err = a.openSpool(broker); err != nil {
		if o.blobs != nil {
			err = errors.Join(err, o.blobs.Close())
		}
		return nil, err
	}
	if o.spool != nil {
		broker = o.spool
	}
	// Without a store there is a claim check too, for the embedded backend: it lets events wait
	// whose bodies other gateways put elsewhere.
	o.queue = claimcheck.New(broker, claimcheck.Config{Blobs: o.blobs, Threshold: a.Blob.threshold(), Logger: a.logger})
	return o, nil
}

// openSpool puts the spool before a broker. Where nothing is to be spooled there is none, unless
// events are left in its file from before: they go to the queue that is there now.
func (a *App) openSpool(broker queue.Queue) (*spool.Queue, error) {
	rejects := a.OnBrokerError == onBrokerErrorReject || strings.HasPrefix(a.QueueURL, "sqlite:")
	if _, err := os.Stat(a.Spool.Path); rejects && errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // There is none.
	}
	shared, err := a.spool.get()
	if err != nil {
		return nil, err
	}
	return shared.Queue(broker, spool.Options{
		Reject: rejects, MaxBytes: a.Spool.MaxSize, MaxAge: time.Duration(a.Spool.MaxAge),
	}), nil
}

// Ready returns nil when events can be accepted: by the queue, or by the spool before it.
func (a *App) Ready(ctx context.Context) error {
	q, err := a.Queue()
	if err != nil {
		return err
	}
	return q.Ready(ctx)
}

// Spooling reports whether accepted events wait in the spool.
func (a *App) Spooling() bool {
	o := a.opened.Load()
	return o != nil && o.spool != nil && o.spool.Spooling()
}
