// Fixtures of public SDKs, for TestCorpora. They are read as files and never built, so that none of them is a
// dependency of Botgate; "make test-deps" downloads them.
module github.com/botgate/botgate/integration/corpora

go 1.26

require (
	github.com/disgoorg/disgo v0.18.15 // Apache-2.0
	github.com/go-telegram/bot v1.19.0 // MIT
	github.com/line/line-bot-sdk-go/v8 v8.14.0 // Apache-2.0
	github.com/slack-go/slack v0.35.0 // BSD-2-Clause
	github.com/stripe/stripe-mock v0.203.0 // MIT
)
