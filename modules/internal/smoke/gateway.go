package smoke

import (
	"context"
	"fmt"
	"net/http"
	"regexp"

	"github.com/botgate/botgate/internal/problem"
)

// ready waits until the gateway takes events.
func (r *run) ready(ctx context.Context) (string, error) {
	return "the gateway takes events", until(ctx, func() error {
		a, err := r.ask(ctx, http.MethodGet, r.URL+"/readyz", "", nil)
		if err != nil {
			return fmt.Errorf("%w; option --url says where the gateway is", err)
		}
		if a.status != http.StatusOK {
			return fmt.Errorf("%s/readyz %s; the gateway's log says what it lacks, and --timeout how long to wait", r.URL, a.refusal())
		}
		return nil
	})
}

// refused sends what nobody may send.
func (r *run) refused(ctx context.Context) (string, error) {
	a, err := r.ask(ctx, http.MethodPost, r.commands(), "", []byte(command))
	switch {
	case err != nil:
		return "", fmt.Errorf("%w; option --url says where the gateway is", err)
	case a.status != http.StatusUnauthorized:
		return "", fmt.Errorf("a command without a token was %s, and not 401: look at bot_jwt in the Caddyfile, and at --url", a.refusal())
	case a.header.Get("Content-Type") != problem.ContentType:
		return "", fmt.Errorf("a command without a token was refused with %q, and not with %s: who answers at --url?",
			a.header.Get("Content-Type"), problem.ContentType)
	}
	return "a command without a token gets 401", nil
}

// version finds the version of a process in its metrics. The first one is what the others have to have, too.
func (r *run) version(ctx context.Context, address string) (string, error) {
	a, err := r.ask(ctx, http.MethodGet, address, "", nil)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s answered %d", address, a.status)
	}
	if err != nil {
		return "", fmt.Errorf("%w; option --metrics has the addresses of metrics", err)
	}
	match := buildInfo.FindSubmatch(a.body)
	if match == nil {
		return "", fmt.Errorf("%s has no botgate_build_info; option --metrics has the addresses of metrics", address)
	}
	found := string(match[1])
	if r.Version == "" {
		r.Version = found
	}
	if found != r.Version {
		return "", fmt.Errorf("%s is of version %s, and not %s: upgrade it, or change --expect-version", address, found, r.Version)
	}
	return found + " at " + address, nil
}

// buildInfo finds the version in the text format of metrics.
var buildInfo = regexp.MustCompile(`(?m)^botgate_build_info\{(?:[^}]*,)?version="([^"]*)"`)
