package bots

// Answers says for whom the answers of a bot are.
type Answers string

// The values of [Bot.Answers].
const (
	// AnswersOff has them be for nobody: what counts is that the bot has the event.
	AnswersOff Answers = "off"
	// AnswersPlatform has the platform get them in its response, where it has a use for them and they come in time.
	AnswersPlatform Answers = "platform"
)

// answersFor reads for whom the answers are.
func (e entry) answersFor() (Answers, error) {
	return oneOf("answers", e.Answers, AnswersOff, AnswersPlatform)
}
