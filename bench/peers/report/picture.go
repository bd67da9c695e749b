package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"strings"
)

// Sizes of the picture, in its own units.
const (
	pictureWidth = 860
	barsLeft     = 270
	barsWidth    = 400
	barHeight    = 18
	rowHeight    = 34
	headHeight   = 76
	footHeight   = 14
)

// style has colours of its own for a dark page; the background comes with the text, so that
// it can be read on either.
const style = `<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600; font-size: 15px }
.small { font-size: 12px; fill: #59636e } .page { fill: #ffffff; stroke: #d1d9e0 } .ours { font-weight: 700 }
.peer { fill: #0969da } .rabbitmq { fill: #bc4c00 } .redis { fill: #8250df }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .small { fill: #9198a1 } .page { fill: #0d1117; stroke: #3d444d }
.peer { fill: #4493f8 } .rabbitmq { fill: #db6d28 } .redis { fill: #ab7df8 }
}
</style>
`

// part is a piece of each bar.
type part struct {
	class, label string
	of           func(Row) float64
}

var parts = []part{
	{"peer", "the peer itself", func(r Row) float64 { return r.CPU }},
	{"rabbitmq", "RabbitMQ", func(r Row) float64 { return r.RabbitMQ }},
	{"redis", "Redis", func(r Row) float64 { return r.Redis }},
}

// Picture is an SVG of where a request's processor time goes: a bar for each row. The row of the
// peer named ours stands out.
func Picture(rows []Row, labels map[string]string, ours, title string) string {
	height := headHeight + rowHeight*len(rows) + footHeight
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n",
		pictureWidth, height, pictureWidth, height)
	fmt.Fprintf(&out, "<title>%s</title>\n%s", escape(title), style)
	fmt.Fprintf(&out, `<rect class="page" x="0.5" y="0.5" width="%d" height="%d" rx="6"/>`+"\n", pictureWidth-1, height-1)
	fmt.Fprintf(&out, `<text class="title" x="16" y="28">%s</text>`+"\n", escape(title))
	legend(&out)
	longest := 0.0
	for _, r := range rows {
		longest = max(longest, total(r))
	}
	for n, r := range rows {
		bar(&out, r, headHeight+n*rowHeight, barsWidth/cmp.Or(longest, 1), plain(labels[r.Peer]), r.Peer == ours)
	}
	out.WriteString("</svg>\n")
	return out.String()
}

func legend(out *strings.Builder) {
	x := barsLeft
	for _, p := range parts {
		fmt.Fprintf(out, `<rect class="%s" x="%d" y="44" width="12" height="12"/>`, p.class, x)
		fmt.Fprintf(out, `<text class="small" x="%d" y="54">%s</text>`+"\n", x+18, p.label)
		x += 130
	}
}

func bar(out *strings.Builder, r Row, y int, scale float64, label string, ours bool) {
	class := ""
	if ours {
		class = ` class="ours"`
	}
	fmt.Fprintf(out, `<text%s x="%d" y="%d" text-anchor="end">%s</text>`, class, barsLeft-12, y+barHeight-4, escape(label))
	x := float64(barsLeft)
	for _, p := range parts {
		width := p.of(r) * scale
		fmt.Fprintf(out, `<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d"/>`, p.class, x, y, width, barHeight)
		x += width
	}
	fmt.Fprintf(out, `<text class="small" x="%.1f" y="%d">%.0f µs, p99 %s</text>`+"\n",
		x+8, y+barHeight-4, total(r), milliseconds(r.P99))
}

func total(r Row) (sum float64) {
	for _, p := range parts {
		sum += p.of(r)
	}
	return sum
}

// plain is a label without the signs of Markdown.
func plain(label string) string { return strings.ReplaceAll(label, "*", "") }

func escape(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text))
	return out.String()
}
