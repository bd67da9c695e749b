package unverified

// Used is what is held altogether.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Addresses is how many hold something.
func (b *Budget) Addresses() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.held)
}

// Spare is what buffers take that are kept to be used again.
func (b *Budget) Spare() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spare.bytes
}
