package console

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/botgate/botgate/internal/logcontext"
	"github.com/botgate/botgate/internal/requestid"
)

// maxForm bounds what a form sends: the ids of a selection.
const maxForm = 64 << 10

// visit is a request for a page, by whom, and how they want to see it.
type visit struct {
	c       *Console
	w       http.ResponseWriter
	r       *http.Request
	session session
	// signedIn is unset on pages for everybody.
	signedIn bool
	look     look
	id       string
	now      time.Time
	// bare leaves out the bar of pages.
	bare bool
	// curl is the page's call of the API as a command; empty for none.
	curl string
}

// page is the handler of a route.
func (c *Console) page(p route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestid.Header)
		if !requestid.Valid(id) {
			id = requestid.New()
		}
		w.Header().Set(requestid.Header, id)
		ctx := logcontext.With(r.Context(), slog.String("request_id", id))
		r = r.WithContext(ctx)
		v := &visit{c: c, w: w, r: r, id: id, now: c.cfg.Now()}
		v.look = v.readLook()
		v.signedIn = v.recognize(ctx)
		if c.origins.Check(r) != nil {
			v.fail(ctx, errCrossOrigin)
			return
		}
		if !p.open && !v.signedIn {
			v.signInFirst()
			return
		}
		if err := p.answer(v); err != nil {
			v.fail(ctx, err)
		}
	})
}

// readForm reads what a form of a page sent.
func (v *visit) readForm(again string) (url.Values, error) {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		return nil, &trouble{Status: http.StatusBadRequest, Title: "The form can't be read", Again: again}
	}
	return v.r.PostForm, nil
}

// redirect has the browser ask for another page, with GET.
func (v *visit) redirect(to string) {
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
}

// fail answers with a page that says what is wrong, and what to do about it.
func (v *visit) fail(ctx context.Context, err error) {
	trouble := v.explain(ctx, err)
	v.w.Header().Set("Cache-Control", "no-store")
	if v.renderStatus(trouble.Status, "error", trouble.Title, trouble) == nil {
		return
	}
	http.Error(v.w, trouble.Title, trouble.Status)
}

// explain makes an error one that a visitor can do something about. Others are logged.
func (v *visit) explain(ctx context.Context, err error) *trouble {
	if t := (*trouble)(nil); errors.As(err, &t) {
		return t
	}
	v.c.cfg.Logger.ErrorContext(ctx, "a page of the console can't be shown",
		slog.String("path", v.r.URL.Path), slog.Any("error", err))
	return errInternal
}
