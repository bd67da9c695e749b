package report

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// runs are three rounds of two peers, with others at work in one of them.
var runs = []Run{
	{Peer: "base", Round: 0, Connections: 64, Rate: 4000, CPU: 100, RabbitMQ: 100, Redis: 20, P50: 10 * time.Millisecond, P99: 50 * time.Millisecond, Resident: 30e6},
	{Peer: "fast", Round: 0, Connections: 64, Rate: 8000, CPU: 50, RabbitMQ: 90, Redis: 10, P50: 5 * time.Millisecond, P99: 15 * time.Millisecond, Resident: 60e6},
	{Peer: "base", Round: 1, Connections: 64, Rate: 2000, CPU: 200, RabbitMQ: 100, Redis: 20, P50: 20 * time.Millisecond, P99: 90 * time.Millisecond, Resident: 30e6, Foreign: 0.3},
	{Peer: "fast", Round: 1, Connections: 64, Rate: 4000, CPU: 120, RabbitMQ: 80, Redis: 10, P50: 9 * time.Millisecond, P99: 30 * time.Millisecond, Resident: 61e6},
	{Peer: "base", Round: 2, Connections: 64, Rate: 4100, CPU: 110, RabbitMQ: 110, Redis: 21, P50: 10 * time.Millisecond, P99: 52 * time.Millisecond, Resident: 31e6},
	{Peer: "fast", Round: 2, Connections: 64, Rate: 8200, CPU: 55, RabbitMQ: 99, Redis: 11, P50: 5 * time.Millisecond, P99: 16 * time.Millisecond, Resident: 62e6},
	{Peer: "base", Round: 0, Connections: 4, Rate: 900, CPU: 180},
}

var labels = map[string]string{"base": "Plain", "fast": "**Botgate** <&>"}

func TestRowsAreMediansAndRatiosWithinTheRound(t *testing.T) {
	t.Parallel()
	rows := Rows(runs, "base", 64)
	require.Len(t, rows, 2)
	require.Equal(t, Row{
		Peer: "fast", Rounds: 3, Quiet: 3, Rate: 8000, P50: 5 * time.Millisecond, P99: 16 * time.Millisecond, CPU: 55,
		Redis: 10, RabbitMQ: 90, Resident: 61e6, RateRatio: 2, CPURatio: 0.5, RabbitMQRatio: 0.9,
	}, rows[0])
	require.Equal(t, "base", rows[1].Peer)
	require.Equal(t, 2, rows[1].Quiet)
	require.InDelta(t, 1, rows[1].CPURatio, 0)
	require.Len(t, Rows(runs, "base", 4), 1)
	require.Zero(t, Rows(runs, "none", 64)[0].CPURatio)
}

func TestMedianAndPercentile(t *testing.T) {
	t.Parallel()
	require.Zero(t, median(nil))
	require.InDelta(t, 3, median([]float64{9, 1, 3}), 0)
	require.InDelta(t, 2, median([]float64{9, 1, 3, 1}), 0)
	hundred := make([]time.Duration, 100)
	for n := range hundred {
		hundred[n] = time.Duration(n + 1)
	}
	require.Equal(t, time.Duration(50), Percentile(hundred, 50))
	require.Equal(t, time.Duration(99), Percentile(hundred, 99))
	require.Equal(t, time.Duration(1), Percentile(hundred[:1], 99))
	require.Zero(t, Percentile(nil, 99))
}

func TestTable(t *testing.T) {
	t.Parallel()
	require.Equal(t, `| | CPU | ratio | RabbitMQ | ratio | Redis | requests | p50 | p99 | memory |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
| **Botgate** <&> | 55 µs | 0.50 | 90 µs | 0.90 | 10 µs | 8 000/s | 5.0 ms | 16.0 ms | 61 MB |
| Plain ¹ | 110 µs | 1.00 | 100 µs | 1.00 | 20 µs | 4 000/s | 10.0 ms | 52.0 ms | 30 MB |
`, Table(Rows(runs, "base", 64), labels))
	require.Contains(t, Table(Rows(runs, "base", 4), labels), "| 180 µs | 1.00 | – | – | – | 900/s |")
	require.Contains(t, Warning(runs), "more than 6 % of the machine in some round, up to 30 %")
	require.Empty(t, Warning(runs[:2]))
}

func TestPictureIsAnImageOfTheRows(t *testing.T) {
	t.Parallel()
	picture := Picture(Rows(runs, "base", 64), labels, "fast", "Time & space")
	for decoder := xml.NewDecoder(strings.NewReader(picture)); ; {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	require.Contains(t, picture, "<title>Time &amp; space</title>")
	require.Contains(t, picture, `<text class="ours" x="258" y="90" text-anchor="end">Botgate &lt;&amp;&gt;</text>`)
	// The longest bar is 230 µs and takes all of the width; the other's first part is 55.
	require.Contains(t, picture, `<rect class="peer" x="270.0" y="76" width="95.7" height="18"/>`)
	require.Contains(t, picture, ">230 µs, p99 52.0 ms</text>")
	require.Contains(t, picture, "prefers-color-scheme: dark")
}

func TestWrapBreaksLines(t *testing.T) {
	t.Parallel()
	words := strings.Repeat("µs ", 100)
	lines := strings.Split(Wrap("first "+words), "\n")
	require.Len(t, lines, 3)
	require.Equal(t, "first "+strings.TrimSpace(strings.Repeat("µs ", 38)), lines[0])
	require.Equal(t, strings.Fields("first "+words), strings.Fields(strings.Join(lines, "\n")))
	require.Empty(t, Wrap(" "))
}

func TestReplaceLeavesTheRestOfThePage(t *testing.T) {
	t.Parallel()
	page := "# A\n\n<!-- peers -->\nold\n<!-- /peers -->\n\nB\n"
	after, err := Replace(page, "peers", "new\n")
	require.NoError(t, err)
	require.Equal(t, "# A\n\n<!-- peers -->\n\nnew\n\n<!-- /peers -->\n\nB\n", after)
	again, err := Replace(after, "peers", "new\n")
	require.NoError(t, err)
	require.Equal(t, after, again)
	_, err = Replace("# A\n", "peers", "new")
	require.ErrorContains(t, err, `no "<!-- peers -->"`)
}

func TestTheReadmeHasAPlaceForTheTables(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "..", "README.md"))
	require.NoError(t, err)
	_, err = Replace(string(readme), "bench-peers", "new")
	require.NoError(t, err)
}
