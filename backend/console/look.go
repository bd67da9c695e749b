package console

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

const (
	lookCookie = "botgate_console_look"
	lookLife   = 365 * 24 * time.Hour
)

// themes are what a visitor may choose; the first is the system's.
var themes = []string{"", "light", "dark"}

// look is how a visitor wants to see pages.
type look struct {
	// Theme is one of themes.
	Theme string
	// Keys says that single keys do something.
	Keys bool
	// Live says that pages follow what happens.
	Live bool
	// Zone is what times are shown in.
	Zone *time.Location
}

// readLook reads the cookie; the parameter tz of a page goes before it, so that a link shows what its sender saw.
func (v *visit) readLook() look {
	l := look{Keys: true, Live: true, Zone: time.UTC}
	values := url.Values{}
	if c, err := v.r.Cookie(lookCookie); err == nil {
		values, _ = url.ParseQuery(c.Value)
	}
	if theme := values.Get("theme"); slices.Contains(themes, theme) {
		l.Theme = theme
	}
	l.Keys, l.Live = values.Get("keys") != off, values.Get("live") != off
	for _, name := range []string{values.Get("tz"), v.r.URL.Query().Get("tz")} {
		if zone, err := zoneOf(name); err == nil {
			l.Zone = zone
		}
	}
	return l
}

// zoneOf is a zone by its name in the IANA's list.
func zoneOf(name string) (*time.Location, error) {
	if name == "" || name == "Local" || len(name) > 64 {
		return nil, &trouble{
			Status: http.StatusBadRequest, Title: "There is no such time zone",
			Todo: "Write it as in Europe/Berlin, or UTC.", Again: Path + "/help#look",
		}
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return zoneOf("")
	}
	return zone, nil
}

// setLook keeps what a visitor chose, and shows the page again.
func (c *Console) setLook(v *visit) error {
	l := v.look
	if err := v.r.ParseForm(); err != nil {
		return errNoPage
	}
	form := v.r.PostForm
	if theme := form.Get("theme"); form.Has("theme") && slices.Contains(themes, theme) {
		l.Theme = theme
	}
	if form.Has("keys") {
		l.Keys = form.Get("keys") != off
	}
	if form.Has("live") {
		l.Live = form.Get("live") != off
	}
	if form.Has("tz") {
		zone, err := zoneOf(form.Get("tz"))
		if err != nil {
			return err
		}
		l.Zone = zone
	}
	kept := url.Values{"theme": {l.Theme}, "keys": {onOff(l.Keys)}, "live": {onOff(l.Live)}, "tz": {l.Zone.String()}}.Encode()
	http.SetCookie(v.w, cookie(v.r, lookCookie, kept, lookLife))
	v.redirect(inside(form.Get("next")))
	return nil
}

// off is the value of a switch that is off.
const off = "off"

// onOff is the value of a switch.
func onOff(on bool) string {
	if on {
		return "on"
	}
	return off
}

// nextTheme is what the button for it chooses.
func (l look) nextTheme() string {
	return themes[(slices.Index(themes, l.Theme)+1)%len(themes)]
}
