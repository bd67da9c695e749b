// Package botgate is the app that the other modules share: it holds the clients of
// Redis and the queue, one each for all handlers, kept across reloads.
package botgate
