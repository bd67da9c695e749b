package delivery

import (
	"net/http"

	"github.com/botgate/botgate/internal/platform"
)

// WriteReply answers a platform in its own words.
func WriteReply(w http.ResponseWriter, reply *platform.Reply) {
	if reply.ContentType != "" {
		w.Header().Set("Content-Type", reply.ContentType)
	}
	w.WriteHeader(reply.Status)
	// The platform may be gone; there is nobody left to tell.
	_, _ = w.Write(reply.Body)
}
