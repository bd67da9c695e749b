package integration

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser is a tab of Chromium. What it logs, scripts that fail, what the policy refuses and requests that fail are
// what a test must not cause.
type browser struct {
	t    *testing.T
	ctx  context.Context
	base string
	// axe is the script that looks for what keeps people from using a page.
	axe string

	mu  sync.Mutex
	bad []string
}

// newBrowser starts a Chromium with one tab, for the pages of an address.
func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	axe, missing := os.ReadFile(filepath.Join("node_modules", "axe-core", "axe.min.js"))
	require.NoError(t, errors.Join(err, missing), `run "make test-deps": it installs Chromium and integration/node_modules`)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1440, 900))
	for _, flag := range []string{"no-sandbox", "disable-quic", "disable-background-networking", "disable-component-update", "disable-sync"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocated, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	return tabIn(allocated, &browser{t: t, base: base, axe: string(axe)})
}

// another is one more tab, with the same cookies.
func (b *browser) another() *browser {
	b.t.Helper()
	return tabIn(b.ctx, &browser{t: b.t, base: b.base, axe: b.axe})
}

func tabIn(parent context.Context, b *browser) *browser {
	b.t.Helper()
	ctx, stop := chromedp.NewContext(parent)
	b.t.Cleanup(stop)
	b.ctx = ctx
	require.NoError(b.t, chromedp.Listen(ctx, b.watch))
	return b
}

// watch writes down what must not happen.
func (b *browser) watch(happened any) {
	what := ""
	switch e := happened.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			what = fmt.Sprintf("log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	case *cdpruntime.EventExceptionThrown:
		what = fmt.Sprintf("exception: %s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
	case *cdpruntime.EventConsoleAPICalled:
		what = fmt.Sprint("console: ", e.Type)
	case *network.EventLoadingFailed:
		if !e.Canceled {
			what = "failed request: " + e.ErrorText
		}
	}
	if what == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bad = append(b.bad, what)
}

// requireQuiet fails on what was written down, but for what has one of the texts in it.
func (b *browser) requireQuiet(but ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, what := range b.bad {
		expected := false
		for _, text := range but {
			expected = expected || strings.Contains(what, text)
		}
		require.True(b.t, expected, what)
	}
	b.bad = nil
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, steps...))
}

// goTo opens the address of a page, and waits for it.
func (b *browser) goTo(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
}

// address is that of the page, without the host.
func (b *browser) address() string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	at, err := chromedp.Run(ctx, chromedp.Location())
	require.NoError(b.t, err)
	return strings.TrimPrefix(at, b.base)
}

// evaluate returns what a script does, also where that takes a while.
func evaluate[T any](b *browser, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err, script)
	return value
}

// await waits until a script, which may meet a page that is being replaced, says true.
func (b *browser) await(what, script string) {
	b.t.Helper()
	eventually(b.t, func() error {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		defer cancel()
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+script+")"))
		if err == nil && !ok {
			err = fmt.Errorf("not yet at %s: %s", b.address(), what)
		}
		return err
	})
}

// rows are the ids of the list that is shown.
func (b *browser) rows() []string {
	b.t.Helper()
	return evaluate[[]string](b, `[...document.querySelectorAll("tr[data-row] a.id")].map((a) => a.pathname.split("/").at(-1))`)
}

// requireAccessible fails on what axe finds on the page, by all of its rules or by some.
func (b *browser) requireAccessible(page string, rules ...string) {
	b.t.Helper()
	only := ""
	if len(rules) > 0 {
		only = `, runOnly: ["` + strings.Join(rules, `", "`) + `"]`
	}
	found := evaluate[[]string](b, `axe.run(document, {resultTypes: ["violations"]`+only+`}).then((found) =>
		found.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html + " " + n.failureSummary)))`)
	require.Empty(b.t, found, page)
}

// picturesWanted reports whether "go test -artifacts" asks for pictures.
func picturesWanted() bool { return flag.Lookup("test.artifacts").Value.String() == "true" }

// picture writes two of the page into the test's folder where they are wanted, as on a screen and as on a phone.
func (b *browser) picture(name string) {
	b.t.Helper()
	if !picturesWanted() {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for _, size := range []struct {
		of    string
		width int64
	}{{"-narrow", 375}, {"", 1440}} {
		b.do(chromedp.EmulateViewport(size.width, 900))
		image, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		require.NoError(b.t, err)
		require.NoError(b.t, os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+size.of+".png"), image, 0o600))
	}
}

// pictures writes those of a page, in both themes.
func (b *browser) pictures(name, path string) {
	b.t.Helper()
	b.goTo(path)
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		b.picture(name + "-" + scheme)
	}
}

// scheme has the system's colours be light or dark.
func (b *browser) scheme(of string) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: of}},
		})
		return err
	}))
}
