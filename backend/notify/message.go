package notify

import (
	"encoding/json"
	"fmt"
)

// maxMessage is how large a message becomes at most, in bytes, but for its frame.
const maxMessage = 64 << 10

// message is what is published through Redis. N is a Notice, or one that is encoded already.
type message[N Notice | json.RawMessage] struct {
	// From tells processes apart.
	From string `json:"from"`
	// Lost means that what was published before did not reach everybody.
	Lost bool `json:"lost,omitempty"`
	// Notices are in the order of their publishing.
	Notices []N `json:"notices,omitempty"`
}

// encode puts the notices into as few messages as there have to be. A notice that is too
// large for any becomes one of a loss.
func encode(from string, notices []Notice) (messages [][]byte, err error) {
	current := message[json.RawMessage]{From: from}
	size := 0
	flush := func() error {
		if len(current.Notices) == 0 && !current.Lost {
			return nil
		}
		text, err := json.Marshal(current)
		messages = append(messages, text)
		current, size = message[json.RawMessage]{From: from}, 0
		return err
	}
	for i := range notices {
		text, err := json.Marshal(&notices[i])
		if err != nil {
			return nil, fmt.Errorf("encoding a notice: %w", err)
		}
		if len(text) > maxMessage {
			current.Lost = true
			continue
		}
		if size+len(text) > maxMessage {
			if err := flush(); err != nil {
				return nil, fmt.Errorf("encoding notices: %w", err)
			}
		}
		current.Notices = append(current.Notices, text)
		size += len(text) + 1
	}
	if err := flush(); err != nil {
		return nil, fmt.Errorf("encoding notices: %w", err)
	}
	return messages, nil
}
