// Package gateway holds what the modules know of the botgate app, so that none of them imports another one.
package gateway

import "time"

// Settings are what other modules take over from the botgate app, with defaults filled in.
type Settings struct {
	// QueueURL is the address of the queue, RedisURL that of Redis; empty for none.
	QueueURL, RedisURL string
	// Data is the folder of the embedded engines' files.
	Data string
	// BotsFile is the path of the bots file; empty for none.
	BotsFile string
	// BlobURL is the address of the blob store; empty for none.
	BlobURL string
	// BlobRetention is how old a body in a folder gets; 0 for no bound.
	BlobRetention time.Duration
	// APISecretFile has what the gateway shows to the backend's API; empty for none.
	APISecretFile string
}
