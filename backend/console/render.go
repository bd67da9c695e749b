package console

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// parsePages reads the template of each page, with what all have.
func parsePages() (map[string]*template.Template, error) {
	shared, err := template.ParseFS(embedded, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("reading the templates of the console: %w", err)
	}
	files, err := embedded.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("reading the templates of the console: %w", err)
	}
	pages := map[string]*template.Template{}
	for _, file := range files {
		name, _ := strings.CutSuffix(file.Name(), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		page, err := shared.Clone()
		if err == nil {
			page, err = page.ParseFS(embedded, path.Join("templates", file.Name()))
		}
		if err != nil {
			return nil, fmt.Errorf("reading the templates of the console: %w", err)
		}
		pages[name] = page
	}
	return pages, nil
}

// layout is what all pages show around their own.
type layout struct {
	Title  string
	Bar    []barItem
	Static func(name string) string
	// User is empty where nobody signed in.
	User, Issuer, Role, Bot string
	ReadOnly                bool
	Theme, NextTheme, Zone  string
	Keys, Live              bool
	// Tail says that the page has a switch of its own for what follows.
	Tail bool
	// Here is the page's own address, to come back to.
	Here string
	Curl string
	ID   string
	// Charts has the page load what draws them.
	Charts bool
	Page   any
}

// barItem is a page in the bar.
type barItem struct {
	Name, Path, Key string
	// Scope is what the page needs.
	Scope string
	Here  bool
}

// bar is the pages of the bar, in its order; Key is the second of the keys that go there.
var bar = []barItem{
	{Name: "Overview", Path: Path + "/", Key: "o", Scope: scopeRead},
	{Name: "Events", Path: eventsPath, Key: "e", Scope: scopeRead},
	{Name: "Dead letters", Path: deadPath, Key: "d", Scope: scopeAct},
	{Name: "Bots", Path: botsPath, Key: "b", Scope: scopeRead},
	{Name: "Users", Path: usersPath, Key: "u", Scope: scopeRead},
	{Name: "Jobs", Path: jobsPath, Key: "j", Scope: scopeAct},
	{Name: "Refused", Path: refusedPath, Key: "r", Scope: scopeRead},
	{Name: "Live", Path: livePath, Key: "l", Scope: scopeRead},
	{Name: "Audit", Path: auditPath, Key: "a", Scope: scopeAdmin},
	{Name: "System", Path: systemPath, Key: "s", Scope: scopeAdmin},
}

func (v *visit) layout(title string, page any) layout {
	l := layout{
		Title: title, Static: v.c.assets.address, Theme: v.look.Theme, NextTheme: v.look.nextTheme(), Zone: v.look.Zone.String(),
		Keys: v.look.Keys, Live: v.look.Live, Tail: v.r.URL.Path == livePath, Here: v.r.URL.RequestURI(), Curl: v.curl, ID: v.id, Page: page, Charts: hasCharts(page), ReadOnly: v.c.cfg.ReadOnly,
	}
	if v.r.Method != http.MethodGet {
		l.Here = Path + "/"
	}
	if !v.signedIn || v.bare {
		return l
	}
	l.User, l.Issuer, l.Role = v.session.User, v.session.Issuer, roleOf(v.session.Scopes)
	if v.session.Bot != "*" {
		l.Bot = v.session.Bot
	}
	for _, item := range bar {
		if item.Scope == scopeAdmin && !v.May(scopeAdmin) {
			continue // For few; the others' bar is shorter.
		}
		item.Here = v.r.URL.Path == item.Path || item.Path != Path+"/" && strings.HasPrefix(v.r.URL.Path, item.Path)
		l.Bar = append(l.Bar, item)
	}
	return l
}

// hasCharts reports whether a page has charts.
func hasCharts(page any) bool {
	switch page.(type) {
	case overview, botPage, refusedPage:
		return true
	}
	return false
}

// render answers with a page.
func (v *visit) render(name, title string, page any) error {
	return v.renderStatus(http.StatusOK, name, title, page)
}

// known answers a visitor who has this very page already, as one that reads it again every few seconds often does.
func (v *visit) known(page []byte) bool {
	if v.r.Method != http.MethodGet {
		return false
	}
	sum := sha256.Sum256(page)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	v.w.Header().Set("ETag", tag)
	v.w.Header().Set("Vary", "Cookie")
	if v.r.Header.Get("If-None-Match") != tag {
		return false
	}
	v.w.WriteHeader(http.StatusNotModified)
	return true
}

// renderStatus does the same with another status. Nothing is sent before the page is whole.
func (v *visit) renderStatus(status int, name, title string, page any) error {
	var out bytes.Buffer
	if err := v.c.pages[name].ExecuteTemplate(&out, "layout", v.layout(title, page)); err != nil {
		return fmt.Errorf("writing the page %s: %w", name, err)
	}
	if status == http.StatusOK && v.known(out.Bytes()) {
		return nil
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Length", strconv.Itoa(out.Len()))
	v.w.WriteHeader(status)
	_, _ = v.w.Write(out.Bytes())
	return nil
}
