package event

import "hash/fnv"

// Partitions is the number of partitions that dispatch queues are split into.
// It is part of the queue topology: changing it moves keys between queues.
const Partitions = 16

// PartitionOf returns the partition, from 0 to Partitions-1, of a bot's order key.
func PartitionOf(bot, orderKey string) int {
	hash := fnv.New64a()
	hash.Write([]byte(bot))
	hash.Write([]byte{0})
	hash.Write([]byte(orderKey))
	return int(hash.Sum64() % Partitions)
}
