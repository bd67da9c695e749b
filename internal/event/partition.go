package event

import "hash/fnv"

// Partitions is the number of partitions that dispatch queues are split into.
// It is part of the queue topology: changing it moves keys between queues.
const Partitions = 16

// Key returns the bot and its order key as one text: deliveries are ordered within it.
func (e *Event) Key() string { return e.Bot + "\x00" + e.OrderKey } // A bot's name has no NUL.

// Partition is the queue partition of the event's key, from 0 to [Partitions]-1.
func (e *Event) Partition() int {
	hash := fnv.New64a()
	hash.Write([]byte(e.Key()))
	return int(hash.Sum64() % Partitions)
}
