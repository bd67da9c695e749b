package botcache

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/cachecontrol/cacheobject"
)

// lifetimes say how an answer may be used, counted from when it was made.
type lifetimes struct {
	// fresh is how long it is given without asking.
	fresh time.Duration
	// whileRevalidate and ifError are how much longer it is given while it is asked for anew, and in place of an error.
	whileRevalidate, ifError time.Duration
}

// policy decides what is kept, and for how long.
type policy struct {
	lifetimes // Of answers that do not say so themselves.
	// perCaller and shared are what the operator says of answers to requests with credentials.
	perCaller, shared bool
}

// kept are the statuses of answers that are kept: final ones that mean the same to whoever asks (RFC 9110, section
// 15.1), but parts of an answer.
var kept = []int{
	http.StatusOK, http.StatusNonAuthoritativeInfo, http.StatusNoContent, http.StatusMultipleChoices,
	http.StatusMovedPermanently, http.StatusPermanentRedirect, http.StatusNotFound, http.StatusGone,
}

// judge returns how long the answer to a request may be used; false when it must not be kept (RFC 9111, section 3).
func (p policy) judge(method string, credentials bool, status int, h http.Header) (lifetimes, bool) {
	said, err := cacheobject.ParseResponseCacheControl(directives(h))
	switch {
	case err != nil, method != http.MethodGet, !slices.Contains(kept, status):
		return lifetimes{}, false
	case said.NoStore, h["Set-Cookie"] != nil, slices.Contains(names(h, "Vary"), "*"):
		return lifetimes{}, false
	case said.NoCache != nil || said.Private != nil: // Parts of it are not for a cache.
		return lifetimes{}, false
	case said.PrivatePresent && (!p.perCaller || !credentials):
		return lifetimes{}, false
	case credentials && !p.perCaller && !p.shared && !said.Public && said.SMaxAge < 0:
		return lifetimes{}, false // Section 3.5; must-revalidate alone says too little for strangers.
	}
	life := p.of(said, h)
	return life, life != lifetimes{} || validator(h)
}

// of returns the lifetimes that an answer gives itself, or else those of the operator (section 4.2.1). There is no
// guess by its age: an operator who wants one sets ttl.
func (p policy) of(said *cacheobject.ResponseCacheDirectives, h http.Header) lifetimes {
	life := p.lifetimes
	switch {
	case said.NoCachePresent:
		return lifetimes{}
	case said.SMaxAge >= 0:
		life.fresh = seconds(said.SMaxAge)
	case said.MaxAge >= 0:
		life.fresh = seconds(said.MaxAge)
	case h["Expires"] != nil:
		life.fresh = untilExpiry(h)
	}
	if said.StaleWhileRevalidate >= 0 {
		life.whileRevalidate = seconds(said.StaleWhileRevalidate)
	}
	if said.StaleIfError >= 0 {
		life.ifError = seconds(said.StaleIfError)
	}
	if said.MustRevalidate || said.ProxyRevalidate {
		life.whileRevalidate, life.ifError = 0, 0
	}
	return life
}

// untilExpiry is how long an answer with Expires is fresh; one that is no date is in the past (section 5.3).
func untilExpiry(h http.Header) time.Duration {
	expires, err := http.ParseTime(h.Get("Expires"))
	made, without := http.ParseTime(h.Get("Date"))
	if without != nil {
		made = time.Now()
	}
	if err != nil {
		return 0
	}
	return min(max(0, expires.Sub(made)), maxLifetime)
}

// wish is what a request asks of the cache (section 5.2.1).
type wish struct {
	// pass is that nothing of it is kept; only that nothing but what is kept will do.
	pass, only bool
	// maxAge and minFresh bound what it takes without the bot being asked.
	maxAge, minFresh time.Duration
}

// wishOf reads the request. What it can't be asked in is as if it was not there: nobody is answered wrongly by that.
func wishOf(r *http.Request) wish {
	said, err := cacheobject.ParseRequestCacheControl(directives(r.Header))
	if err != nil {
		return wish{maxAge: maxLifetime}
	}
	w := wish{pass: said.NoStore, only: said.OnlyIfCached, maxAge: maxLifetime, minFresh: max(0, seconds(said.MinFresh))}
	switch {
	case said.NoCache:
		w.maxAge = -1
	case said.MaxAge >= 0:
		w.maxAge = seconds(said.MaxAge)
	}
	return w
}

// takes reports whether an answer of that age will do, that stays fresh for so long.
func (w wish) takes(age, left time.Duration) bool { return left >= w.minFresh && age <= w.maxAge }

// handled reports whether a request can be answered from the cache at all, and its answer kept. Parts of answers
// and connections that become something else are not for a cache.
func handled(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header["Range"] == nil && r.Header["Upgrade"] == nil
}

// directives is the header Cache-Control, which may have several lines.
func directives(h http.Header) string { return strings.Join(h["Cache-Control"], ", ") }

// names are the elements of a list of header names, each as Go writes it, in one order.
func names(h http.Header, header string) []string {
	var all []string
	for _, line := range h[header] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name != "" {
				all = append(all, http.CanonicalHeaderKey(name))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// validator reports whether the bot can be asked if an answer still holds (RFC 9110, section 8.8).
func validator(h http.Header) bool { return h.Get("Etag") != "" || h.Get("Last-Modified") != "" }

func seconds(of cacheobject.DeltaSeconds) time.Duration { return time.Duration(of) * time.Second }
