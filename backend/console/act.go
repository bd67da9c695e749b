package console

import (
	"net/http"
	"net/url"
)

// botActs are what can be done with a bot, as in addresses.
const (
	actPause  = "pause"
	actResume = "resume"
	actTest   = "test"
)

// actOnBot pauses or resumes a bot, or sends it a test event, and shows what came of it.
func (*Console) actOnBot(v *visit) error {
	bot, act := v.r.PathValue("bot"), v.r.PathValue("act")
	if act != actPause && act != actResume && act != actTest {
		return errNoPage
	}
	if err := v.refuse(scopeAct); err != nil {
		return err
	}
	var sent struct {
		ID string `json:"id"`
	}
	if err := v.ask(call{method: http.MethodPost, path: "/v1/bots/" + url.PathEscape(bot) + "/" + act}, &sent); err != nil {
		return err
	}
	if act == actTest {
		v.redirect(eventsPath + "/" + sent.ID)
		return nil
	}
	v.redirect(botsPath + "/" + url.PathEscape(bot))
	return nil
}
