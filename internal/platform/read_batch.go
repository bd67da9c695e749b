package platform

import (
	"cmp"
	"errors"
	"iter"
	"slices"
)

const (
	// maxBatchItems is the most items of a request that become events of their own: what Meta joins in one
	// (https://developers.facebook.com/docs/graph-api/webhooks/getting-started). Others join less.
	maxBatchItems = 1000
	// defaultMaxBatch is the default of [Request].MaxBatch.
	defaultMaxBatch = 4 * defaultMaxBody
)

// The errors of a batch beyond its bounds, of which nothing is accepted: no platform sends such, and
// each event has what is around its item again, so that a small request could become gigabytes.
var (
	// ErrBatchItems: it has more than 1000 items.
	ErrBatchItems = errors.New("too many events in one request")
	// ErrBatchBytes: its events take more than [Request].MaxBatch together.
	ErrBatchBytes = errors.New("the events of one request are too large together")
)

// batched is an event before its body is put together of parts.
type batched struct {
	Event
	parts [][]byte
}

// collect returns the events of a batch. Nothing is put together for those that are too many or too large.
func collect(req *Request, items iter.Seq[batched]) ([]Event, error) {
	var events []Event
	var size int64
	for item := range items {
		for _, part := range item.parts {
			size += int64(len(part))
		}
		if len(events) == maxBatchItems {
			return nil, ErrBatchItems
		}
		if size > cmp.Or(req.MaxBatch, defaultMaxBatch) {
			return nil, ErrBatchBytes
		}
		item.Body = slices.Concat(item.parts...)
		events = append(events, item.Event)
	}
	// A request that brings one event is that event, byte for byte.
	if len(events) == 1 {
		events[0].Body = nil
	}
	return events, nil
}

// frame is an object less the value of one of its members.
type frame struct{ before, after []byte }

// frameOf takes the value of the last member of that name out of the object, which has one.
func frameOf(object []byte, name string) frame {
	value := members(object, name)[0]
	at := cap(object) - cap(value) // The member is a slice of the object.
	return frame{object[:at], object[at+len(value):]}
}

// around returns the parts of the object with other parts for the value.
func (f frame) around(parts ...[]byte) [][]byte {
	return slices.Concat([][]byte{f.before}, parts, [][]byte{f.after})
}

// aroundItem is around with a list of one item for the value.
func (f frame) aroundItem(parts ...[]byte) [][]byte {
	return f.around(slices.Concat([][]byte{[]byte("[")}, parts, [][]byte{[]byte("]")})...)
}

// emptied returns the object with the named lists empty, where it has them.
func emptied(object []byte, lists ...string) []byte {
	for _, name := range lists {
		if members(object, name)[0] != nil {
			object = withMember(object, name, []byte("[]"))
		}
	}
	return object
}
