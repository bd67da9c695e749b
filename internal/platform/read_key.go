package platform

// Key names the delivery of an event: the same in every retry of it. The zero Key names nothing, and
// such an event is one of its own. docs/explanation/identity.md says what follows from it.
type Key struct {
	// Value is what the request has for it; empty where it has nothing.
	Value string
	// Rule is what the platform promises of the value.
	Rule Rule
	// Item is what the platform says about this event alone, less what it changes when it sends the
	// event again. Nil stands for the whole body.
	Item []byte
}

// Rule is where a platform names its deliveries, and what its documentation promises of that.
type Rule struct {
	// Member is where the name is: members by their paths, "form <name>" or "header <Name>",
	// joined by " + " where several make the name.
	Member string
	// Signed: the signature covers it.
	Signed bool
	// Unique: no other delivery of the platform has it.
	Unique bool
	// Retried: a retry has it again.
	Retried bool
	// Equal: two deliveries of this kind can have the same signed bytes by themselves, as those of a
	// sensor that reports the same value twice. Then the bytes alone do not make a repeat.
	Equal bool
	// Page is where the platform describes the member, and says so; empty where each sender has its own.
	Page string
}

// Suffices reports whether the value alone tells a delivery from all others. Where it does not, the
// content is a part of what an event is: another content under a known value is another event.
func (k Key) Suffices() bool { return k.Rule.Signed && k.Rule.Unique }

// Content is what the event's identity has beside its key: nothing where that suffices, else the
// item, or the body of the request.
func (k Key) Content(body []byte) []byte {
	switch {
	case k.Suffices():
		return nil
	case k.Item != nil:
		return k.Item
	}
	return body
}

// RepeatsByBody reports whether the same signed bytes are the same event, whatever the value is: where that
// is not signed, or there is none; always, or but for deliveries that can be equal by themselves.
func (k Key) RepeatsByBody(always bool) bool {
	return (k.Value == "" || !k.Rule.Signed) && (always || !k.Rule.Equal)
}

// RulesOf returns the rules of the platform of that name, the one that goes first at the front.
// Without any, no delivery has a name.
func RulesOf(name string) []Rule { return rules[name] }
