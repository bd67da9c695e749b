package platform

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/restrict"
)

// Limits of what an operator sets up.
const (
	// maxTolerance bounds what can be made of a timestamp: beyond a day it protects from nothing.
	maxTolerance = 24 * time.Hour
	// leastVerifyToken is the least size of a verify token, in bytes: anybody may try one out.
	leastVerifyToken = 8
	// leastMade is the least size of a secret that the platform makes, in bytes: those in examples of SDKs
	// are short, and what has fewer bytes is a slip.
	leastMade = 3
)

// makers are the platforms that make the secrets themselves, all of more than 16 bytes.
var makers = []string{"hook0", "line", "meta", "shopify", "slack", "stripe", "teams-outgoing", "twilio"}

// CheckOptions reports an option of a platform that lets in what it should keep out.
func CheckOptions(p Platform) error {
	switch p := p.(type) {
	case generic:
		if p.tolerance > maxTolerance {
			return fmt.Errorf("option tolerance: a captured request could be sent again for %s; "+
				"at most %s, and %s is the default", p.tolerance, maxTolerance, defaultTolerance)
		}
	case meta:
		if n := len(p.verifyToken); n > 0 && n < leastVerifyToken {
			return fmt.Errorf("option verify_token: it has %d bytes, and at least %d are needed", n, leastVerifyToken)
		}
	}
	return nil
}

// CheckHost warns where what is signed has the host that the request names, whichever that is: what was signed for
// another gateway that has the same secret passes here.
func CheckHost(p Platform) (warning error) {
	anyHost := false
	switch p := p.(type) {
	case generic:
		anyHost = p.base == nil && p.signed.has("url")
	case twilio:
		anyHost = p.base == nil
	}
	if !anyHost {
		return nil
	}
	return errors.New("option url: without it, what was signed for another host with the same secret passes; " +
		"give the gateway's public address, such as https://bots.example.com")
}

// CheckSize reports a secret that is too short for the platform of that name. A warning instead is about
// one that the platform can't have made, and that a test may use.
func CheckSize(name string, p Platform, s Secret) (warning, err error) {
	least := restrict.LeastSecret
	if g, ok := p.(generic); ok {
		least = g.leastSecret
	}
	switch made := slices.Contains(makers, name); {
	case s.public != nil || s.keys != nil || s.size >= least:
		return nil, nil
	case made && s.size >= leastMade:
		return fmt.Errorf("it has %d bytes, and %s makes longer ones: compare it with the console", s.size, name), nil
	case made:
		least = leastMade
	}
	return nil, restrict.Size(s.size, least)
}
