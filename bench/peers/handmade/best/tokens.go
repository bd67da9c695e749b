package main

import (
	"sync"
	"time"
)

// maxTokens bounds how many tokens are remembered.
const maxTokens = 100_000

// remembered verifies each token once.
type remembered struct {
	verify func(token string) (user string, until time.Time, err error)
	mu     sync.RWMutex
	known  map[string]verified
}

// verified is what a token said.
type verified struct {
	user  string
	until time.Time
}

func (r *remembered) user(token string) (string, error) {
	r.mu.RLock()
	v, known := r.known[token]
	r.mu.RUnlock()
	if known && time.Now().Before(v.until) {
		return v.user, nil
	}
	user, until, err := r.verify(token)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= maxTokens {
		clear(r.known)
	}
	r.known[token] = verified{user, until}
	return user, nil
}
