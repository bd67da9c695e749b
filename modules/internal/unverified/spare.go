package unverified

import "math/bits"

// spare are buffers of bodies that were refused. A crowd of strangers makes and drops them faster than
// the garbage collector looks; used again, they take no more than the budget.
type spare struct {
	// buffers are empty and have the capacity that is their key.
	buffers map[int][][]byte
	bytes   int64
}

// class rounds a size in bytes up to one of the four between two powers of two.
func class(size int64) int {
	step := int64(1) << max(0, bits.Len64(uint64(size))-3)
	return int((size + step - 1) / step * step)
}

// reuse returns a spare buffer of that capacity, or nil.
func (b *Budget) reuse(size int) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spare.take(size)
}

// recycle keeps an empty buffer, as far as there is room beside what is held.
func (b *Budget) recycle(buffer []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spare.buffers[cap(buffer)] = append(b.spare.buffers[cap(buffer)], buffer)
	b.spare.bytes += int64(cap(buffer))
	b.spare.shrink(b.room())
}

func (s *spare) take(size int) []byte {
	list := s.buffers[size]
	if len(list) == 0 {
		return nil
	}
	last := list[len(list)-1]
	list[len(list)-1] = nil
	if s.buffers[size] = list[:len(list)-1]; len(list) == 1 {
		delete(s.buffers, size)
	}
	s.bytes -= int64(size)
	return last
}

// shrink drops buffers until they take at most so many bytes.
func (s *spare) shrink(limit int64) {
	for size := range s.buffers {
		for s.bytes > limit && s.take(size) != nil {
		}
	}
}
