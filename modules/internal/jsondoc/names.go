package jsondoc

import (
	"bytes"
	"hash/maphash"
	"sync"
)

// fewNames is how many names are compared one by one before a map pays.
const fewNames = 32

// seed makes it impossible to choose names whose hashes meet.
var seed = sync.OnceValue(maphash.MakeSeed)

// namesPool has room for names, which no document keeps. What one with very many took is not kept.
var namesPool = sync.Pool{New: func() any { return new([]name) }}

// maxNames is how many names there is room for at most.
const maxNames = 1024

// name is a member of an object that is being read.
type name struct {
	hash uint64
	at   uint32
	// seen holds the hashes of all names of the object so far. Only the first name of an object with many
	// members has it.
	seen map[uint64]struct{}
}

// addName adds the name at a token to those of its object, which begin at first. It returns false where the
// object has the name already.
func (p *parser) addName(first int, at uint32) bool {
	text := Value{p.Document, at}.Text(nil)
	hash := maphash.Bytes(seed(), text)
	if p.mayHaveName(first, hash) {
		for _, earlier := range p.names[first:] {
			if earlier.hash == hash && bytes.Equal(Value{p.Document, earlier.at}.Text(nil), text) {
				return false
			}
		}
	}
	p.names = append(p.names, name{hash: hash, at: at})
	if seen := p.names[first].seen; seen != nil {
		seen[hash] = struct{}{}
	} else if len(p.names)-first == fewNames {
		p.names[first].seen = p.hashes(first)
	}
	return true
}

// forget takes away the names that begin at first, and the maps that they hold.
func (p *parser) forget(first int) {
	clear(p.names[first:])
	p.names = p.names[:first]
}

// mayHaveName reports whether the names that begin at first have to be looked at one by one.
func (p *parser) mayHaveName(first int, hash uint64) bool {
	if len(p.names)-first < fewNames {
		return true
	}
	_, seen := p.names[first].seen[hash]
	return seen
}

func (p *parser) hashes(first int) map[uint64]struct{} {
	seen := make(map[uint64]struct{}, 2*fewNames)
	for _, n := range p.names[first:] {
		seen[n.hash] = struct{}{}
	}
	return seen
}

// nameAt returns the name at a token, for the way to a place.
func (p *parser) nameAt(at int) string { return string(Value{p.Document, uint32(at)}.Text(nil)) }
