package event

import "unicode/utf8"

const (
	// MaxAnswer is how much of the body of an answer is kept, in bytes.
	MaxAnswer = 64 << 10
	// MaxRefusal is how much of it where the bot does not take the event: an event can have many of these.
	MaxRefusal = 4 << 10
)

// Answer is what came with the status of a bot's answer. The bot's own words may be about a person:
// they are kept with the changes of the event, and erased with them.
type Answer struct {
	// ContentType is the header of that name, cleaned as [Event.Normalize] does.
	ContentType string `json:"content_type,omitempty"`
	// ContentEncoding is the header of that name: what Body is compressed with, as it came. It is
	// never decompressed.
	ContentEncoding string `json:"content_encoding,omitempty"`
	// Body is the beginning of the body, at most [MaxAnswer]: any bytes. As JSON it is base64.
	Body []byte `json:"body,omitempty"`
	// Truncated means that the body goes on, or that it broke off or was not there in time.
	Truncated bool `json:"truncated,omitempty"`
}

// Answered is what became of a bot's answer that a platform waited for.
type Answered string

// The values of [Change.Answered]; none where nobody waited, or the bot said nothing.
const (
	// AnsweredInTime: the platform's request was answered with it.
	AnsweredInTime Answered = "in_time"
	// AnsweredLate: the request was answered without it, or is gone. It is a [LateAnswer] now, and a change of
	// [StatusAnswered] follows.
	AnsweredLate Answered = "late"
	// AnsweredMissed: it is as late as that, and the platform takes it no more.
	AnsweredMissed Answered = "missed"
	// AnsweredUnfit: it is larger than [MaxAnswer], broke off, has a content coding, or the platform takes no such thing
	// after its request was answered.
	AnsweredUnfit Answered = "unfit"
	// AnsweredSent: the platform took the late answer; with [StatusAnswered] only, as is AnsweredUnsent.
	AnsweredSent Answered = "sent"
	// AnsweredUnsent: it did not, and that is not tried again.
	AnsweredUnsent Answered = "unsent"
)

// AnswerRoom is how much is kept of the body of an answer that takes the event, or does not.
func AnswerRoom(taken bool) int {
	if taken {
		return MaxAnswer
	}
	return MaxRefusal
}

// NewAnswer keeps what is to be kept of an answer, at most as many bytes of the body; nil where there is nothing. Text is
// cut between two characters.
func NewAnswer(contentType, contentEncoding string, body []byte, most int, truncated bool) *Answer {
	if len(body) > most {
		body, truncated = body[:most], true
	}
	if truncated {
		body = withoutHalfRune(body)
	}
	a := &Answer{ContentType: clean(contentType), ContentEncoding: clean(contentEncoding), Body: body, Truncated: truncated}
	if a.ContentType == "" && len(a.Body) == 0 && !a.Truncated {
		return nil
	}
	return a
}

// withoutHalfRune takes off the beginning of a character whose rest was cut off, which would make
// text look like binary.
func withoutHalfRune(text []byte) []byte {
	for cut := range min(utf8.UTFMax, len(text)) {
		start := len(text) - 1 - cut
		if !utf8.RuneStart(text[start]) {
			continue
		}
		if !utf8.FullRune(text[start:]) {
			return text[:start]
		}
		break
	}
	return text
}
