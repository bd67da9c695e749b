package eventjson

import (
	"bytes"
	"unicode/utf8"

	"github.com/botgate/botgate/internal/event"
)

// MaxAnswers is of how many attempts the answers are shown: those of the last ones.
const MaxAnswers = 100

// answerView is what a bot answered to an attempt: as Body where it is text, else as BodyBase64.
type answerView struct {
	ContentType     string `json:"content_type,omitempty"`
	ContentEncoding string `json:"content_encoding,omitempty"`
	Truncated       bool   `json:"truncated,omitempty"`
	Body            string `json:"body,omitempty"`
	BodyBase64      []byte `json:"body_base64,omitempty"`
}

func viewAnswer(a *event.Answer) *answerView {
	if a == nil {
		return nil
	}
	view := &answerView{ContentType: a.ContentType, ContentEncoding: a.ContentEncoding, Truncated: a.Truncated}
	if utf8.Valid(a.Body) && bytes.IndexByte(a.Body, 0) < 0 {
		view.Body = string(a.Body)
	} else {
		view.BodyBase64 = a.Body
	}
	return view
}
