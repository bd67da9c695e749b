package platform

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrUnknown means that there is no platform of the name.
var ErrUnknown = errors.New("unknown platform")

// registry makes each platform from its options.
var registry = map[string]func(*options) Platform{
	"botframework":      newBotFramework,
	"discord":           newDiscord,
	"github":            newGitHub,
	"google-chat":       newGoogleChat,
	"hmac":              newGeneric,
	"hook0":             newHook0,
	"line":              newLine,
	"meta":              newMeta,
	"shopify":           newShopify,
	"slack":             newSlack,
	"standard-webhooks": newStandardWebhooks,
	"stripe":            newStripe,
	"teams-outgoing":    newTeams,
	"telegram":          newTelegram,
	"twilio":            newTwilio,
}

// New returns the platform of that name with the settings, which are its options by
// name. An option that is unknown, missing or malformed is an error.
func New(name string, settings map[string]string) (Platform, error) {
	build, ok := registry[name]
	if !ok {
		return nil, fmt.Errorf("%w %q; there are %s", ErrUnknown, name, strings.Join(Names(), ", "))
	}
	o := &options{given: settings}
	p := build(o)
	if err := o.done(); err != nil {
		return nil, err
	}
	return p, nil
}

// Names lists the platforms in alphabetical order.
func Names() []string { return slices.Sorted(maps.Keys(registry)) }
