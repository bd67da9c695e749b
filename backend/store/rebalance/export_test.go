package rebalance

import "time"

// Hasty makes a move drop at once what it moved away, while only reads that look where
// events are afterwards can be sure to find them.
func Hasty(m Move) Move {
	m.grace = time.Millisecond
	return m
}
