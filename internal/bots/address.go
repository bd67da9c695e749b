package bots

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/botgate/botgate/internal/outbound"
	"github.com/botgate/botgate/internal/restrict"
)

// Pulls says of each bot whether it pulls.
func (s Set) Pulls() map[string]bool {
	pulls := make(map[string]bool, len(s))
	for name, b := range s {
		pulls[name] = b.Pull
	}
	return pulls
}

// checkAddress reports where events can't be sent.
func (e entry) checkAddress() error {
	switch {
	case e.Pull && (e.URL != "" || e.AllowPrivate):
		return errors.New("pull: a bot that asks for its events has no url, and no allow_private")
	case e.Pull && len(e.ForwardHeaders) > 0:
		return errors.New("forward_headers: events that a bot asks for have no headers of their platform")
	case e.Pull:
		return nil
	}
	if err := restrict.Address(e.URL); err != nil {
		return fmt.Errorf("url: %w", err)
	}
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New(`url: must be an http or https address, or "pull": true takes its place`)
	}
	if err := outbound.CheckHost(u.Hostname()); err != nil && !e.AllowPrivate {
		return fmt.Errorf(`url: %w: "allow_private": true lets its events go there`, err)
	}
	return nil
}
