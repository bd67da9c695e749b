package platform

import "iter"

const (
	// maxBatchItems is the most items of a request that become events of their own: what Meta joins in one
	// (https://developers.facebook.com/docs/graph-api/webhooks/getting-started).
	maxBatchItems = 1000
	// maxBatchBytes bounds what the events of one request take together, since each has the envelope again.
	maxBatchBytes = 64 << 20
)

// collect returns the events of a batch. One beyond the bounds is no batch: nothing is lost
// when it goes on as the one event that it came as.
func collect(events iter.Seq[Event]) ([]Event, bool) {
	var batch []Event
	size := 0
	for event := range events {
		size += len(event.Body)
		if len(batch) == maxBatchItems || size > maxBatchBytes {
			return nil, false
		}
		batch = append(batch, event)
	}
	// A request that brings one event is that event, byte for byte.
	if len(batch) == 1 {
		batch[0].Body = nil
	}
	return batch, true
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
