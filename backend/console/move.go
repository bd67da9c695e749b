package console

import (
	"crypto/rand"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/botgate/botgate/internal/duration"
)

// What can be done with dead letters, as in addresses.
const (
	verbReplay = "replay"
	verbDrop   = "drop"
)

const (
	// manyLetters is how many have to be typed as a number before something is done with them.
	manyLetters = 1000
	// standardRate is how many are replayed in a second unless somebody asks for another number.
	standardRate = 50
)

// movePath is the page that asks whether dead letters are to be replayed or dropped.
func movePath(verb string, q url.Values) string { return deadPath + "/" + verb + "?" + q.Encode() }

// moveQuery is the filter of a list, with the window that the list shows.
func moveQuery(f filter) url.Values {
	q := f.query(standardWindow)
	q.Del("cursor")
	return q
}

// plan is what a confirmation is about. Its window is fixed, so that what dies meanwhile is not among it.
type plan struct {
	verb string
	// id is of one dead letter, and ids are of those that were selected; empty for a filter.
	id    string
	ids   []string
	query url.Values
}

// scope is what a plan needs.
func (p plan) scope() string {
	if p.verb == verbDrop {
		return scopeAdmin
	}
	return scopeAct
}

// call is what the API does for a plan.
func (p plan) call() (call, error) {
	if len(p.ids) > 0 {
		return p.selectedCall()
	}
	path := "/v1/dead"
	if p.id != "" {
		path += "/" + p.id
	}
	if p.verb == verbDrop {
		return call{method: http.MethodDelete, path: path, query: p.query}, nil
	}
	return call{method: http.MethodPost, path: path + "/replay", query: p.query}, nil
}

// movePage asks whether it is to be done.
type movePage struct {
	Verb, What string
	One        bool
	Facts      []fact
	Groups     []groupRow
	// Needs is what is wrong with the bots that would get them; bots are their names.
	Needs []need
	bots  []string
	// First are some of them.
	First []deadRow
	// Hidden are the fields that say again what the page is about.
	Hidden []fact
	Count  int
	Many   bool
	Rate   int
	None   bool
	Why    string
	Back   string
	Action string
}

// readPlan reads what is to be done from an address, or from a form.
func (v *visit) readPlan(values url.Values) (plan, error) {
	p := plan{verb: v.r.PathValue("verb"), query: url.Values{}}
	if p.verb != verbReplay && p.verb != verbDrop {
		return p, errNoPage
	}
	if id := values.Get("id"); id != "" {
		if p.id = id; !eventID.MatchString(id) {
			return p, &trouble{Status: http.StatusNotFound, Title: "There is no such dead letter", Again: deadPath}
		}
		return p, nil
	}
	if ids := values.Get("ids"); ids != "" {
		return p, p.readIDs(ids)
	}
	for _, name := range deadFilters {
		value := values.Get(name)
		if value == "" {
			continue
		}
		if name == "since" || name == "until" {
			at, err := duration.ParseTime(value, v.now)
			if err != nil {
				return p, badWindow(name, err, deadPath)
			}
			value = at.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
		}
		p.query.Set(name, value)
	}
	return p, nil
}

// badWindow says that an end of a window is no time.
func badWindow(name string, err error, again string) *trouble {
	return &trouble{Status: http.StatusBadRequest, Title: "The window can't be read", Detail: name + ": " + err.Error() + ".", Again: again}
}

// confirmMove shows what would be replayed or dropped.
func (c *Console) confirmMove(v *visit) error {
	p, err := v.readPlan(v.r.URL.Query())
	if err != nil {
		return err
	}
	page := movePage{Verb: p.verb, Why: v.why(p.scope()), Back: deadPath, Rate: standardRate, Action: deadPath + "/" + p.verb}
	switch {
	case p.id != "":
		err = v.previewOne(p, &page)
	case len(p.ids) > 0:
		err = v.previewSelected(p, &page)
	default:
		err = v.previewFilter(p, &page)
	}
	if err != nil {
		return err
	}
	if p.verb == verbReplay {
		page.Needs = v.needsOfBots(page.bots)
	}
	page.Hidden = append(page.Hidden, fact{Name: "key", Value: rand.Text()})
	title := map[string]string{verbReplay: "Replay ", verbDrop: "Drop "}[p.verb] + page.What
	return v.render("move", title, page)
}

func (v *visit) previewOne(p plan, page *movePage) error {
	var d deadLetter
	a := get("/v1/dead/"+p.id, nil)
	if err := v.ask(a, &d); err != nil {
		return err
	}
	v.curl = v.asCurl(a)
	page.One, page.Count, page.What, page.Back = true, 1, "1 dead letter", eventsPath+"/"+d.ID
	page.Hidden, page.bots = []fact{{Name: "id", Value: d.ID}}, []string{d.Bot}
	page.Facts = []fact{
		{"Event", d.ID, eventsPath + "/" + d.ID},
		{"Bot", visible(d.Bot), ""},
		{"Type", visible(d.Type), ""},
		{"User", visible(d.User), ""},
		{"Reason", visible(d.Reason), ""},
		{"Died", v.stamp(d.DiedAt).Full + ", after " + count(d.Attempts, "attempt", "attempts"), ""},
	}
	if d.Replays > 0 {
		page.Facts = append(page.Facts, fact{"Replayed before", count(d.Replays, "time", "times"), ""})
	}
	return nil
}

func (v *visit) previewFilter(p plan, page *movePage) error {
	a := get("/v1/dead/summary", p.query)
	var sum summary
	if err := v.ask(a, &sum); err != nil {
		return err
	}
	v.curl = v.asCurl(a)
	p.query.Set("until", sum.Until.UTC().Format(time.RFC3339Nano))
	page.Count, page.What = sum.Count, count(sum.Count, "dead letter", "dead letters")
	page.Many, page.None = sum.Count > manyLetters, sum.Count == 0
	page.Groups = v.groups(sum.Bots, filter{deadPath, p.query}, "bot")
	page.First = v.firstOf(p.query)
	for _, g := range sum.Bots {
		page.bots = append(page.bots, g.Name)
	}
	for _, name := range deadFilters {
		value := p.query.Get(name)
		if value == "" {
			continue
		}
		page.Hidden = append(page.Hidden, fact{Name: name, Value: value})
		switch name {
		case "since":
			page.Facts = append(page.Facts, fact{"Died since", v.stampOf(value), ""})
		case "until":
			page.Facts = append(page.Facts, fact{"Died before", v.stampOf(value) + " (fixed: what dies from now on is not among them)", ""})
		case "reason":
			page.Facts = append(page.Facts, fact{"Reason contains", visible(value), ""})
		default:
			page.Facts = append(page.Facts, fact{map[string]string{"bot": "Bot", "type": "Type", "user": "User"}[name], visible(value), ""})
		}
	}
	if !sum.SearchedTo.IsZero() {
		page.Facts = append(page.Facts, fact{"Counted back to", v.stamp(sum.SearchedTo).Full + "; there may be more", ""})
	}
	return nil
}

// firstOf are the newest dead letters that a filter chooses; none where they can't be had.
func (v *visit) firstOf(filter url.Values) []deadRow {
	q := maps.Clone(filter)
	q.Set("limit", "5")
	var list struct {
		Dead []deadLetter `json:"dead"`
	}
	if err := v.ask(get("/v1/dead", q), &list); err != nil {
		return nil
	}
	return v.deadRows(list.Dead)
}

func (v *visit) stampOf(value string) string {
	at, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return visible(value)
	}
	return v.stamp(at).Full
}

// move has the API do what a confirmation asked for, and shows the job that does it.
func (c *Console) move(v *visit) error {
	form, err := v.readForm(deadPath)
	if err != nil {
		return err
	}
	p, err := v.readPlan(form)
	if err != nil {
		return err
	}
	if n, _ := strconv.Atoi(form.Get("count")); n > manyLetters && form.Get("typed") != form.Get("count") {
		return &trouble{
			Status: http.StatusUnprocessableEntity, Title: "The number that was typed is another one",
			Detail: "Nothing was changed.", Again: movePath(p.verb, p.query),
		}
	}
	if err := v.refuse(p.scope()); err != nil {
		return err
	}
	if rate := form.Get("rate"); p.id == "" && rate != "" {
		p.query.Set("rate", rate)
	}
	var made struct {
		ID string `json:"id"`
	}
	a, err := p.call()
	if err != nil {
		return err
	}
	a.key = form.Get("key")
	if err := v.ask(a, &made); err != nil {
		return err
	}
	v.redirect(jobsPath + "/" + made.ID)
	return nil
}
