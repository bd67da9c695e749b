// Package blobtest is the conformance suite of blob stores: what it demands is what a
// [blob.Store] means. Every engine runs it.
package blobtest

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/blob"
)

// Harness gives access to one place of blobs that nobody else uses.
type Harness struct {
	// Open returns a new handle, as another process would have it.
	Open func(t *testing.T) blob.Store
	// Written is when the blob was written last, as retention counts it.
	Written func(t *testing.T, ref blob.Ref) time.Time
	// Damage replaces what the place has under a reference.
	Damage func(t *testing.T, ref blob.Ref, data []byte)
}

// Run checks that the store does what the package blob promises.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Harness){
		"RoundTrip":       roundTrip,
		"SharedByHandles": sharedByHandles,
		"Missing":         missing,
		"Damaged":         damaged,
		"PutAgain":        putAgain,
		"Concurrent":      concurrent,
		"EndedContext":    endedContext,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// content is different each time, in what random bytes can be.
func content(size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	return data
}

func put(t *testing.T, s blob.Store, data []byte) blob.Ref {
	t.Helper()
	ref := blob.RefOf(data)
	require.NoError(t, s.Put(t.Context(), ref, data))
	return ref
}

func requireContent(t *testing.T, s blob.Store, ref blob.Ref, want []byte) {
	t.Helper()
	got, err := s.Get(t.Context(), ref)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), "put %d bytes, got %d others", len(want), len(got))
}

func roundTrip(t *testing.T, h Harness) {
	s := h.Open(t)
	for _, size := range []int{0, 1, 300_000, 20 << 20} {
		data := content(size)
		requireContent(t, s, put(t, s, data), data)
	}
}

func sharedByHandles(t *testing.T, h Harness) {
	one, other := h.Open(t), h.Open(t)
	data := content(1000)
	ref := put(t, one, data)
	require.NoError(t, one.Close())
	requireContent(t, other, ref, data)
}

func missing(t *testing.T, h Harness) {
	ref := blob.RefOf(content(10))
	_, err := h.Open(t).Get(t.Context(), ref)
	require.ErrorIs(t, err, blob.ErrNotFound)
	require.ErrorContains(t, err, ref.Hex())
}

func damaged(t *testing.T, h Harness) {
	s := h.Open(t)
	data := content(1000)
	ref := put(t, s, data)
	for _, other := range [][]byte{data[:999], append(bytes.Clone(data), 0), content(1000), {}} {
		h.Damage(t, ref, other)
		got, err := s.Get(t.Context(), ref)
		require.ErrorIs(t, err, blob.ErrCorrupt)
		require.ErrorContains(t, err, ref.Hex())
		require.Nil(t, got)
	}
	put(t, s, data)
	requireContent(t, s, ref, data)
}

// putAgain demands that the age of a blob counts from its last Put.
func putAgain(t *testing.T, h Harness) {
	s := h.Open(t)
	data := content(1000)
	ref := put(t, s, data)
	first := h.Written(t, ref)
	require.Eventually(t, func() bool {
		put(t, s, data)
		return h.Written(t, ref).After(first)
	}, 20*time.Second, 10*time.Millisecond)
	requireContent(t, s, ref, data)
}

func concurrent(t *testing.T, h Harness) {
	one, other := h.Open(t), h.Open(t)
	data := content(100_000)
	ref := put(t, one, data)
	var work errgroup.Group
	for range 4 {
		for _, s := range []blob.Store{one, other} {
			work.Go(func() error { return s.Put(t.Context(), ref, data) })
			work.Go(func() error {
				_, err := s.Get(t.Context(), ref)
				return err
			})
		}
	}
	require.NoError(t, work.Wait(), "a blob that is being put again can be read all the time")
}

func endedContext(t *testing.T, h Harness) {
	s := h.Open(t)
	data := content(10)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Put(ended, blob.RefOf(data), data), blob.ErrUnavailable)
	_, err := s.Get(ended, blob.RefOf(data))
	require.ErrorIs(t, err, blob.ErrUnavailable)
}
