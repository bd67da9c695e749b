package payload

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// acceptEncoding lists the content codings that are understood.
const acceptEncoding = "gzip, br, zstd"

const (
	// maxZstdWindow is the largest window that the content coding allows (RFC 9659).
	maxZstdWindow = 8 << 20
	// zstdBlock is the largest block (RFC 8878, section 3.1.1.2.4) and what the decoder
	// writes beyond one.
	zstdBlock = 128<<10 + 64
)

// Decompressors are worth keeping: a new one takes more memory than most bodies. A pool
// holds none of their results.
var (
	gzipReaders   = sync.Pool{New: func() any { return new(gzip.Reader) }}
	brotliReaders = sync.Pool{New: func() any { return new(brotli.Reader) }}
	zstdDecoders  = sync.Pool{New: func() any { return newZstdDecoder() }}
)

// decompress returns the body without its content coding, at most maxSize bytes.
func decompress(raw []byte, encodings []string, maxSize int64) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(strings.Join(encodings, ","))) {
	case "", "identity":
		return raw, nil
	case "gzip", "x-gzip":
		return gunzip(raw, maxSize)
	case "br":
		return unbrotli(raw, maxSize)
	case "zstd":
		return unzstd(raw, maxSize)
	}
	return nil, ErrEncoding
}

func gunzip(raw []byte, maxSize int64) ([]byte, error) {
	r := gzipReaders.Get().(*gzip.Reader)
	defer gzipReaders.Put(r)
	if err := r.Reset(bytes.NewReader(raw)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCompressed, err)
	}
	return inflate(r, maxSize)
}

func inflate(r io.Reader, maxSize int64) ([]byte, error) {
	content, err := readUpTo(r, maxSize, -1)
	if err != nil && !errors.Is(err, ErrTooLarge) {
		return nil, fmt.Errorf("%w: %w", ErrCompressed, err)
	}
	return content, err
}

// unbrotli bounds the decoder's memory by way of the window in the stream's first byte.
func unbrotli(raw []byte, maxSize int64) ([]byte, error) {
	r := brotliReaders.Get().(*brotli.Reader)
	defer brotliReaders.Put(r)
	if err := r.Reset(io.MultiReader(bytes.NewReader(smallerWindow(raw, maxSize)), bytes.NewReader(raw[min(1, len(raw)):]))); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCompressed, err)
	}
	return inflate(r, maxSize)
}

// smallerWindow returns the first byte of a brotli stream for a window no larger than
// what may be decompressed needs. The decoder allocates the window that the stream asks
// for, up to 16 MB; as long as no more is decompressed than fits in a smaller one, that
// decodes to the same.
func smallerWindow(raw []byte, maxSize int64) []byte {
	if len(raw) == 0 {
		return nil
	}
	first := raw[0]
	// Windows of 2^18 to 2^24 bytes take four bits: a one, and the exponent less 17
	// (RFC 7932, section 9.1). The last 16 bytes of a window can't be referred to.
	if asked := first >> 1 & 7; first&1 == 1 && asked != 0 {
		enough := byte(1)
		for enough < asked && int64(1)<<(17+enough)-16 < maxSize {
			enough++
		}
		first = first&^0b1110 | enough<<1
	}
	return []byte{first}
}

func newZstdDecoder() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // Only a wrong option is an error.
	}
	return d
}

// unzstd decodes into larger and larger buffers: the decoder needs no window of its own
// then, whatever the stream says that it needs.
func unzstd(raw []byte, maxSize int64) ([]byte, error) {
	d := zstdDecoders.Get().(*zstd.Decoder)
	defer zstdDecoders.Put(d)
	for size := min(maxSize, max(minChunk, int64(len(raw))*4)); ; size = min(maxSize, size*4) {
		// With room for one more block, all that fails for want of room has passed the size.
		content, err := d.DecodeAll(raw, make([]byte, 0, size+zstdBlock))
		exceeded := int64(len(content)) > size || errors.Is(err, zstd.ErrDecoderSizeExceeded)
		switch {
		case exceeded && size == maxSize, err == nil && int64(len(content)) > maxSize:
			return nil, ErrTooLarge
		case err == nil:
			return content, nil
		case !exceeded:
			return nil, fmt.Errorf("%w: %w", ErrCompressed, err)
		}
	}
}
