package botcache

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// capture stands between the bot and the client. It copies an answer that is to be kept while the client gets it, and
// holds back one that the client is not to get.
type capture struct {
	http.ResponseWriter
	// hold reports whether an answer is held back; keep how long one may be kept, by what the bot set.
	hold func(status int) bool
	keep func(status int, h http.Header) (lifetimes, bool)
	// limit is the largest body that is copied, in bytes.
	limit int64
	// cacheStatus says of an answer that goes to the client how the cache came by it.
	cacheStatus string
	// ahead is that the client gets an answer that is kept only after that; begun is called when any other goes to it.
	ahead bool
	begun func()

	// header is the bot's until it goes to the client.
	header http.Header
	status int
	// held is that the client gets nothing of the answer. own is what the bot set of its headers.
	held bool
	own  http.Header
	// copied is an answer that is kept; nil for one that is not. It is waiting while the client has nothing of it.
	copied  *answer
	waiting bool
}

// newCapture makes one whose header begins with what the gateway has set already.
func newCapture(w http.ResponseWriter) *capture {
	return &capture{ResponseWriter: w, header: w.Header().Clone(), begun: func() {}}
}

// Header is the bot's, until it is the client's.
func (c *capture) Header() http.Header {
	if c.status != 0 && !c.held && !c.waiting {
		return c.ResponseWriter.Header()
	}
	return c.header
}

// WriteHeader decides what becomes of the answer.
func (c *capture) WriteHeader(status int) {
	if c.status != 0 {
		return
	}
	if status < http.StatusOK {
		c.inform(status)
		return
	}
	c.status, c.own = status, own(c.header, c.ResponseWriter.Header())
	if c.held = c.hold(status); c.held {
		return
	}
	if life, ok := c.keep(status, c.own); ok {
		c.copied = &answer{status: status, header: c.own, lifetimes: life}
		if c.waiting = c.ahead; c.waiting {
			return
		}
	}
	c.begin()
}

// begin sends the headers.
func (c *capture) begin() {
	c.begun()
	c.header.Add("Cache-Status", c.cacheStatus)
	c.pass()
	c.ResponseWriter.WriteHeader(c.status)
}

// release has the client get what waits, which is not kept.
func (c *capture) release() error {
	if !c.waiting {
		return nil
	}
	body := c.copied.body
	c.waiting, c.copied = false, nil
	c.begin()
	_, err := c.ResponseWriter.Write(body)
	return err
}

// inform passes on what comes ahead of the answer (RFC 9110, section 15.2); its headers are of that alone.
func (c *capture) inform(status int) {
	client := c.ResponseWriter.Header()
	gateways := client.Clone()
	c.pass()
	c.ResponseWriter.WriteHeader(status)
	clear(client)
	maps.Copy(client, gateways)
}

// pass makes the bot's header that of the client.
func (c *capture) pass() {
	client := c.ResponseWriter.Header()
	maps.DeleteFunc(client, func(name string, _ []string) bool { return c.header[name] == nil })
	maps.Copy(client, c.header)
}

// Write copies what goes to the client.
func (c *capture) Write(p []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	if c.held {
		return len(p), nil
	}
	if c.copied != nil {
		if int64(len(c.copied.body)+len(p)) > c.limit {
			if err := c.release(); err != nil {
				return 0, err
			}
			c.copied = nil
			return c.ResponseWriter.Write(p)
		}
		c.copied.body = append(c.copied.body, p...)
	}
	if c.waiting {
		return len(p), nil
	}
	return c.ResponseWriter.Write(p)
}

// ReadFrom is Write for a whole body: it does not get past the copy.
func (c *capture) ReadFrom(from io.Reader) (int64, error) {
	if c.WriteHeader(http.StatusOK); c.copied == nil && !c.held {
		return io.Copy(c.ResponseWriter, from)
	}
	return io.Copy(struct{ io.Writer }{c}, from)
}

// FlushError sends on what there is, unless it is held back or waits.
func (c *capture) FlushError() error {
	if c.held || c.waiting || c.status == 0 {
		return nil
	}
	return http.NewResponseController(c.ResponseWriter).Flush()
}

// Unwrap is for [http.ResponseController].
func (c *capture) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// whole returns the copy of an answer that is complete; nil without one.
func (c *capture) whole(asked time.Time) *answer {
	a := c.copied
	if a == nil {
		return nil
	}
	if length := a.header.Get("Content-Length"); length != "" && length != strconv.Itoa(len(a.body)) {
		return nil
	}
	a.made = asked.Add(-ageOf(c.header))
	a.body = slices.Clip(a.body)
	return a
}
