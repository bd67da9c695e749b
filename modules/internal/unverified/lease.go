package unverified

// Lease is what one body holds of a budget. A nil lease is that of a sender who is known: it
// counts nothing. It may not be used concurrently.
type Lease struct {
	budget  *Budget
	address string
	held    int64
}

// Hold is asked before a body takes so many bytes in all. With [ErrFull] it must not, and what
// the lease holds stays as it is.
func (l *Lease) Hold(bytes int64) error {
	if l == nil {
		return nil
	}
	more := bytes - Free - l.held
	if more <= 0 {
		return nil
	}
	if err := l.budget.take(l.address, more); err != nil {
		return err
	}
	l.held += more
	return nil
}

// Fits returns [ErrFull] where a body of so many bytes would find no room now: reading what there is of
// it would only take room from others. It holds nothing.
func (l *Lease) Fits(bytes int64) error {
	if l == nil || bytes <= Free {
		return nil
	}
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	return l.budget.check(l.address, bytes-Free)
}

// Grow returns a buffer with what is in buf and room for so many bytes at least, all of which the
// body then holds. Nobody may use buf any more. Where it fails, buf stays as it is.
func (l *Lease) Grow(buf []byte, bytes int64) ([]byte, error) {
	size := class(bytes)
	if l == nil || bytes <= Free {
		size = int(bytes)
	}
	if err := l.Hold(int64(size)); err != nil {
		return nil, err
	}
	grown := append(l.buffer(size), buf...)
	l.Recycle(buf)
	return grown, nil
}

// buffer returns an empty one of that size.
func (l *Lease) buffer(size int) []byte {
	if l != nil {
		if buffer := l.budget.reuse(size); buffer != nil {
			return buffer
		}
	}
	return make([]byte, 0, size)
}

// Recycle hands a buffer on to other bodies: nobody may use it any more. What the lease holds stays as it is.
func (l *Lease) Recycle(buf []byte) {
	if l != nil && cap(buf) > Free {
		l.budget.recycle(buf[:0])
	}
}

// Release gives back all that the lease holds.
func (l *Lease) Release() {
	if l == nil || l.held == 0 {
		return
	}
	l.budget.give(l.address, l.held)
	l.held = 0
}
