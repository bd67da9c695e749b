package bots

import "fmt"

// Inbound is what a gateway reads of a bot, which needs no access to its secrets.
type Inbound struct {
	// Queues is [Bot.Queues], 1 at least.
	Queues int
	// ForwardHeaders is [Bot.ForwardHeaders].
	ForwardHeaders []string
	// Bulk is [Bot.Bulk].
	Bulk bool
	// Answers is [Bot.Answers]; empty for [AnswersOff].
	Answers Answers
}

// InboundSet holds them by the bots' names.
type InboundSet map[string]Inbound

// LoadInbound reads what a gateway needs of the bots file at path.
func LoadInbound(path string) (InboundSet, error) {
	entries, err := readFile(path)
	if err != nil {
		return nil, err
	}
	set := InboundSet{}
	for name, e := range entries {
		headers, err := forwardHeaders(e.ForwardHeaders)
		if err != nil {
			return nil, fmt.Errorf("bots file %s: bot %q: %w", path, name, err)
		}
		answers, err := e.answersFor()
		if err != nil {
			return nil, fmt.Errorf("bots file %s: bot %q: %w", path, name, err)
		}
		set[name] = Inbound{Queues: max(1, e.Queues), ForwardHeaders: headers, Answers: answers, Bulk: e.Bulk}
	}
	return set, nil
}
