package cli

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/reload"
)

// gatewayFiles is the answer of a gateway that was told to look at its files.
type gatewayFiles struct {
	Files []reload.Report `json:"files"`
	Bots  []string        `json:"bots"`
}

// lookAtFiles has a running gateway look at the files that it follows.
func lookAtFiles(address string) (found gatewayFiles, err error) {
	err = askGateway(address, http.MethodPost, "/botgate/files", nil, &found)
	return found, err
}

// describe says in a line how files stand.
func describe(r reload.Report) string {
	const shown = 3
	files := strings.Join(r.Files[:min(shown, len(r.Files))], ", ")
	if more := len(r.Files) - shown; more > 0 {
		files += fmt.Sprintf(" and %d more", more)
	}
	at := r.At.Local().Format(time.DateTime)
	switch {
	case r.Error != "":
		return fmt.Sprintf("%s: REFUSED, what was there before stays in use: %s", r.What, r.Error)
	case r.Changed && r.Changes == "":
		return fmt.Sprintf("%s: nothing that counts changed (%s)", r.What, files)
	case r.Changed:
		return fmt.Sprintf("%s: %s (%s)", r.What, r.Changes, files)
	case r.Changes == "":
		return fmt.Sprintf("%s: unchanged since %s (%s)", r.What, at, files)
	default:
		return fmt.Sprintf("%s: unchanged since %s; the change then: %s (%s)", r.What, at, r.Changes, files)
	}
}
