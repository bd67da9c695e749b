package event

import "hash/fnv"

// Partitions is the number of partitions that dispatch queues are split into.
// It is part of the queue topology: changing it moves keys between queues.
const Partitions = 16

// Partition is the queue partition of the event's bot and order key, from 0 to [Partitions]-1.
func (e *Event) Partition() int {
	hash := fnv.New64a()
	hash.Write([]byte(e.Bot))
	hash.Write([]byte{0})
	hash.Write([]byte(e.OrderKey))
	return int(hash.Sum64() % Partitions)
}
