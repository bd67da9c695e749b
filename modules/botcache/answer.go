package botcache

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// answer is one that is kept. It is not changed once it is.
type answer struct {
	status int
	header http.Header
	body   []byte
	lifetimes
	// made is when the bot began it, by the clock here: that of the bot need not agree with it.
	made time.Time
}

// vary are the request's headers by which the answer is told from others of its resource.
func (a *answer) vary() []string { return names(a.header, "Vary") }

// size is about the memory that it takes.
func (a *answer) size() int {
	const perAnswer, perLine = 400, 64
	total := perAnswer + len(a.body)
	for name, lines := range a.header {
		for _, line := range lines {
			total += perLine + len(name) + len(line)
		}
	}
	return total
}

func (a *answer) age(now time.Time) time.Duration { return max(0, now.Sub(a.made)) }

// staleBy is how much longer than it was fresh the answer is there; below zero while it is fresh.
func (a *answer) staleBy(now time.Time) time.Duration { return a.age(now) - a.fresh }

// revalidatable is how long an answer that the bot can be asked about is kept when it is of no use otherwise.
const revalidatable = 10 * time.Minute

// left is how long the answer is worth keeping.
func (a *answer) left(now time.Time) time.Duration {
	most := a.fresh + max(a.whileRevalidate, a.ifError)
	if validator(a.header) {
		most = max(most, a.fresh+revalidatable)
	}
	return most - a.age(now)
}

// ageOf is the age that a cache between the bot and us gives an answer (RFC 9111, section 5.1).
func ageOf(h http.Header) time.Duration {
	age, err := strconv.ParseInt(h.Get("Age"), 10, 32)
	if err != nil || age < 0 {
		return 0
	}
	return time.Duration(age) * time.Second
}

// notKept are headers of a connection or of one answer alone (RFC 9111, section 3.1).
var notKept = []string{
	"Age", "Cache-Status", "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Connection",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "X-Request-Id",
}

// own returns those of an answer's headers that the bot set: not those that were there before it was asked, which are
// the gateway's and of that request alone.
func own(h, before http.Header) http.Header {
	bots := http.Header{}
	for name, lines := range h {
		if !slices.Contains(notKept, name) && !slices.Equal(lines, before[name]) {
			bots[name] = slices.Clone(lines)
		}
	}
	return bots
}

// renewed is the answer after the bot said that it still holds (RFC 9111, section 4.3.4).
func (a *answer) renewed(h http.Header, made time.Time) *answer {
	now := &answer{status: a.status, header: maps.Clone(a.header), body: a.body, made: made}
	for name, lines := range h {
		if name != "Content-Length" && name != "Content-Encoding" && name != "Content-Type" {
			now.header[name] = lines
		}
	}
	return now
}

// write answers a request, for which it evaluates what the client has already (RFC 9110, section 13).
func (a *answer) write(w http.ResponseWriter, r *http.Request, now time.Time, status string) error {
	h := w.Header()
	maps.Copy(h, a.header.Clone()) // Handlers around this one may change what they get.
	h.Set("Age", strconv.FormatInt(int64(a.age(now)/time.Second), 10))
	h.Add("Cache-Status", status)
	if a.status == http.StatusOK {
		modified, _ := http.ParseTime(a.header.Get("Last-Modified")) // Else the zero time, for none.
		http.ServeContent(w, r, "", modified, bytes.NewReader(a.body))
		return nil
	}
	w.WriteHeader(a.status)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write(a.body)
	return err
}
