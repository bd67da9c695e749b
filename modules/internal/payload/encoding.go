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

	"github.com/botgate/botgate/modules/internal/unverified"
)

// acceptEncoding lists the content codings that are understood.
const acceptEncoding = "gzip, br, zstd"

const (
	// maxZstdWindow is the largest window that the content coding allows (RFC 9659).
	maxZstdWindow = 8 << 20
	// zstdBlock is the largest block (RFC 8878, section 3.1.1.2.4) and what the decoder
	// writes beyond one.
	zstdBlock = 128<<10 + 64
	// A body may come to maxRatio times its size, or to freeRatioSize bytes where that is more.
	// JSON comes to a tenth of its size; what comes to a thousandth is there to take memory.
	maxRatio      = 100
	freeRatioSize = DefaultMaxSize
)

// Decompressors are worth keeping: a new one takes more memory than most bodies. A pool
// holds none of their results.
var (
	gzipReaders   = sync.Pool{New: func() any { return new(gzip.Reader) }}
	brotliReaders = sync.Pool{New: func() any { return new(brotli.Reader) }}
	zstdDecoders  = sync.Pool{New: func() any { return newZstdDecoder() }}
)

// holder is asked before the content takes so many bytes in all. Its error ends the decompression.
type holder func(bytes int64) error

// decompress returns the body without its content coding, at most maxSize bytes.
func decompress(raw []byte, encodings []string, maxSize int64, hold holder) ([]byte, error) {
	maxSize = min(maxSize, max(freeRatioSize, maxRatio*int64(len(raw))))
	switch strings.ToLower(strings.TrimSpace(strings.Join(encodings, ","))) {
	case "", "identity":
		return raw, nil
	case "gzip", "x-gzip":
		return gunzip(raw, maxSize, hold)
	case "br":
		return unbrotli(raw, maxSize, hold)
	case "zstd":
		return unzstd(raw, maxSize, hold)
	}
	return nil, errEncoding
}

func gunzip(raw []byte, maxSize int64, hold holder) ([]byte, error) {
	r := gzipReaders.Get().(*gzip.Reader)
	defer gzipReaders.Put(r)
	if err := r.Reset(bytes.NewReader(raw)); err != nil {
		return nil, fmt.Errorf("%w: %w", errCompressed, err)
	}
	return inflate(r, maxSize, -1, hold)
}

func inflate(r io.Reader, maxSize, expected int64, hold holder) ([]byte, error) {
	content, err := readUpTo(r, maxSize, expected, func(buf []byte, bytes int64) ([]byte, error) {
		if err := hold(bytes); err != nil {
			return nil, err
		}
		return append(make([]byte, 0, bytes), buf...), nil
	})
	if err != nil && !errors.Is(err, ErrTooLarge) && !errors.Is(err, unverified.ErrFull) {
		return nil, fmt.Errorf("%w: %w", errCompressed, err)
	}
	return content, err
}

// unbrotli decompresses twice, first only to learn the size: the decoder's window takes as
// much memory as what may come out, and a buffer besides it would be as much again.
func unbrotli(raw []byte, maxSize int64, hold holder) ([]byte, error) {
	r := brotliReaders.Get().(*brotli.Reader)
	defer brotliReaders.Put(r)
	first, limit := smallerWindow(raw, maxSize)
	if err := hold(limit); err != nil { // The window.
		return nil, err
	}
	start := func() io.Reader {
		_ = r.Reset(io.MultiReader(bytes.NewReader(first), bytes.NewReader(raw[len(first):]))) // It never fails.
		return r
	}
	size, err := io.Copy(io.Discard, io.LimitReader(start(), limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCompressed, err)
	}
	if size > limit {
		return nil, ErrTooLarge
	}
	return inflate(start(), limit, size, func(bytes int64) error { return hold(limit + bytes) })
}

// smallerWindow returns the first byte of a brotli stream for a window no larger than what
// may be decompressed, and how much that may be then. The decoder allocates the window
// that the stream asks for, up to 16 MB; as long as no more is decompressed than fits in
// a smaller one, that decodes to the same.
func smallerWindow(raw []byte, maxSize int64) (first []byte, limit int64) {
	if len(raw) == 0 {
		return nil, maxSize
	}
	// Windows of 2^18 to 2^24 bytes take four bits: a one, and the exponent less 17
	// (RFC 7932, section 9.1).
	asked, enough := raw[0]>>1&7, byte(1)
	for enough < 7 && int64(1)<<(17+enough) < maxSize {
		enough++
	}
	if raw[0]&1 == 0 || asked <= enough {
		return raw[:1], maxSize
	}
	// The last 16 bytes of a window can't be referred to.
	return []byte{raw[0]&^0b1110 | enough<<1}, min(maxSize, 1<<(17+enough)-16)
}

func newZstdDecoder() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // Only a wrong option is an error.
	}
	return d
}

// unzstd decodes into larger and larger buffers: the decoder then needs no window,
// whatever the stream says that it needs.
func unzstd(raw []byte, maxSize int64, hold holder) ([]byte, error) {
	d := zstdDecoders.Get().(*zstd.Decoder)
	defer zstdDecoders.Put(d)
	for size := zstdSize(raw, maxSize); ; size *= 8 {
		if size > maxSize/2 { // A buffer that is hardly larger would come next.
			size = maxSize
		}
		if err := hold(size + zstdBlock); err != nil {
			return nil, err
		}
		// With room for one more block, all that fails for want of room has passed the size.
		content, err := d.DecodeAll(raw, make([]byte, 0, size+zstdBlock))
		exceeded := int64(len(content)) > size || errors.Is(err, zstd.ErrDecoderSizeExceeded)
		switch {
		case exceeded && size == maxSize, err == nil && int64(len(content)) > maxSize:
			return nil, ErrTooLarge
		case err == nil:
			return content, nil
		case !exceeded:
			return nil, fmt.Errorf("%w: %w", errCompressed, err)
		}
	}
}

// zstdSize returns how much to expect: what the stream's first frame says, or a guess.
func zstdSize(raw []byte, maxSize int64) int64 {
	var header zstd.Header
	if err := header.Decode(raw); err == nil && header.HasFCS && header.FrameContentSize <= uint64(maxSize) {
		return min(maxSize, max(minChunk, int64(header.FrameContentSize)))
	}
	return min(maxSize, max(zstdBlock, int64(len(raw))*4))
}
