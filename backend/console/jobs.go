package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const jobsPath = Path + "/jobs"

// jobView is a job of the API.
type jobView struct {
	ID         string          `json:"id"`
	Kind       string          `json:"kind"`
	Parameters json.RawMessage `json:"parameters"`
	Status     string          `json:"status"`
	Done       int64           `json:"done"`
	Total      int64           `json:"total"`
	Result     json.RawMessage `json:"result"`
	ResultPath string          `json:"result_path"`
	AskedBy    string          `json:"asked_by"`
	StopAsked  bool            `json:"cancel_asked"`
	Error      string          `json:"error"`
	CreatedAt  time.Time       `json:"created_at"`
	UpdatedAt  time.Time       `json:"updated_at"`
	FinishedAt time.Time       `json:"finished_at"`
}

func (j jobView) final() bool { return j.Status != "queued" && j.Status != "running" }

// jobRow is a job as a row of a list, and as a page.
type jobRow struct {
	Address, ID, Short, Kind string
	Mark                     mark
	Created                  stamp
	Day                      string
	Progress                 string
	// Done and Total are for a bar; Total is 0 while nobody knows.
	Done, Total int64
	Took        string
	Error       string
	Parameters  string
	Result      string
	Running     bool
	// By is who asked for it.
	By string
	// File is where its file is; empty for none.
	File string
	// Stream is where scripts hear of its changes; empty where there will be none.
	Stream string
	// Stop ends it; nil where it is over or about to end.
	Stop *action
}

type jobsPage struct {
	Rows         []jobRow
	States       []choice
	First, Older string
	// Stream is where scripts hear of changes, and Statuses are those of jobs that the list would have; empty on pages
	// that are not the newest.
	Stream, Statuses, Newest string
}

// jobStatuses are the statuses of jobs.
var jobStatuses = []string{"queued", "running", "done", "failed", "cancelled"}

// listJobs shows jobs, newest first.
func (c *Console) listJobs(v *visit) error {
	f, err := v.readFilter(jobsPath, "status", "cursor")
	if err != nil {
		return err
	}
	var answer struct {
		Jobs       []jobView `json:"jobs"`
		NextCursor string    `json:"next_cursor"`
	}
	q := f.query(allTime)
	a := get("/v1/jobs", q)
	if err := v.ask(a, &answer); err != nil {
		return err
	}
	v.curl = v.asCurl(a)
	page := jobsPage{}
	for _, status := range append([]string{""}, jobStatuses...) {
		name := status
		if name == "" {
			name = "all"
		}
		page.States = append(page.States, choice{strings.ToUpper(name[:1]) + name[1:], f.with("status", status), f.get("status") == status})
	}
	day := ""
	for _, j := range answer.Jobs {
		row := v.jobRow(j)
		if at := row.Created.Day; at != day {
			row.Day, day = at, at
		}
		page.Rows = append(page.Rows, row)
	}
	if f.get("cursor") != "" {
		page.First = f.with()
	} else {
		page.Stream, page.Newest = streamOf(ofJobs, filter{}), f.with()
		page.Statuses = cmp.Or(f.get("status"), strings.Join(jobStatuses, ","))
	}
	if answer.NextCursor != "" {
		page.Older = f.with("cursor", answer.NextCursor)
	}
	return v.render("jobs", "Jobs", page)
}

// showJob shows how far a job is, and what came of it.
func (c *Console) showJob(v *visit) error {
	path, err := v.jobPath()
	if err != nil {
		return err
	}
	var j jobView
	a := get(path, nil)
	if err := v.ask(a, &j); err != nil {
		return err
	}
	v.curl = v.asCurl(a)
	return v.render("job", "Job "+j.Kind, v.jobRow(j))
}

// jobPath is the API's path of the job of the page.
func (v *visit) jobPath() (string, error) {
	id := v.r.PathValue("id")
	if !eventID.MatchString(id) {
		return "", &trouble{Status: http.StatusNotFound, Title: "There is no such job", Again: jobsPath}
	}
	return "/v1/jobs/" + id, nil
}

// stopJob ends a job, and shows it.
func (*Console) stopJob(v *visit) error {
	path, err := v.jobPath()
	if err == nil {
		err = v.refuse(scopeAct)
	}
	if err == nil {
		err = v.ask(call{method: http.MethodDelete, path: path}, new(jobView))
	}
	if err != nil {
		return err
	}
	v.redirect(jobsPath + "/" + v.r.PathValue("id"))
	return nil
}

// downloadResult sends the file of a job.
func (*Console) downloadResult(v *visit) error {
	path, err := v.jobPath()
	if err != nil {
		return err
	}
	if err := v.ask(get(path, nil), new(jobView)); err != nil {
		return err // As a page, not as a file.
	}
	return v.pass(get(path+"/result", nil))
}

func (v *visit) jobRow(j jobView) jobRow {
	row := jobRow{
		Address: jobsPath + "/" + j.ID, ID: j.ID, Short: short(j.ID), Kind: visible(j.Kind), Mark: markOfJob(j.Status),
		Created: v.stamp(j.CreatedAt), Progress: number(j.Done) + " done", Done: j.Done, Total: j.Total,
		Took: span(v.now.Sub(j.CreatedAt)), Error: visible(j.Error), Parameters: indented(j.Parameters), Result: indented(j.Result),
		Running: !j.final(), By: visible(j.AskedBy),
	}
	if row.Running {
		row.Stream = streamOf(ofJobs, filter{values: url.Values{"id": {j.ID}}})
	}
	if row.Running && !j.StopAsked {
		row.Stop = &action{row.Address + "/stop", v.why(scopeAct)}
	}
	if j.ResultPath != "" {
		row.File = row.Address + "/result"
	}
	if j.Total > 0 {
		row.Progress = number(j.Done) + " of " + number(j.Total)
	}
	if !j.FinishedAt.IsZero() {
		row.Took = span(j.FinishedAt.Sub(j.CreatedAt))
	}
	return row
}

// indented is a document for people, with as much of it as a page has.
func indented(document json.RawMessage) string {
	var out bytes.Buffer
	if len(document) == 0 || json.Indent(&out, document, "", "  ") != nil {
		return ""
	}
	return cutText(out.Bytes()).Text
}
