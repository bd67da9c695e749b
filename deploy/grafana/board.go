package main

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// runbook is where the sections are that panels link to.
const runbook = "https://github.com/botgate/botgate/blob/main/docs/guides/runbook.md#"

// board is a dashboard.
type board struct {
	// uid is its address in Grafana, /d/<uid>, and the name of its file.
	uid         string
	title       string
	description string
	// bots lets the reader choose bots.
	bots bool
	rows []row
}

// row is a line of panels with a heading.
type row struct {
	title  string
	panels []panel
}

// panel is a graph over time.
type panel struct {
	// id is unique in its board and stays, since the runbook links to it.
	id          uint32
	title       string
	description string
	// unit is one of the package units.
	unit string
	// line is drawn in red where something has to be looked at; 0 for none.
	line float64
	// runbook is the anchor of the section that says what to do.
	runbook string
	queries []query
}

// query is an expression of which "{@" begins the matchers that every query has, and [@] is the range of a rate.
type query struct{ legend, expr string }

var fill = strings.NewReplacer("{@", `{job=~"$job",instance=~"$instance"`, "[@]", "[$__rate_interval]")

var datasource = common.DataSourceRef{Type: new("prometheus"), Uid: new("$datasource")}

func (b board) build() (dashboard.Dashboard, error) {
	d := dashboard.NewDashboardBuilder(b.title).
		Uid(b.uid).
		Description(b.description).
		Tags([]string{"botgate"}).
		Readonly().
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Time("now-1h", "now").
		Refresh("30s").
		Link(dashboard.NewDashboardLinkBuilder("Botgate").
			Type(dashboard.DashboardLinkTypeDashboards).Tags([]string{"botgate"}).IncludeVars(true).KeepTime(true)).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Prometheus").Type("prometheus")).
		WithVariable(choice("job", "label_values(botgate_build_info, job)")).
		WithVariable(choice("instance", `label_values(botgate_build_info{job=~"$job"}, instance)`))
	if b.bots {
		d.WithVariable(choice("bot", "label_values(botgate_dispatch_attempts_total, bot)"))
	}
	for i, r := range b.rows {
		d.WithRow(dashboard.NewRowBuilder(r.title).Id(firstRow + uint32(i)))
		for _, p := range r.panels {
			d.WithPanel(p.build())
		}
	}
	return d.Build()
}

// firstRow is above the ids of panels.
const firstRow = 100

// choice is a variable of which all are chosen at first.
func choice(name, query string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).
		Datasource(datasource).
		Query(dashboard.StringOrMap{String: &query}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc).
		Multi(true).
		IncludeAll(true).
		Current(dashboard.VariableOption{
			Text:  dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value: dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
}

func (p panel) build() *timeseries.PanelBuilder {
	g := timeseries.NewPanelBuilder().
		Id(p.id).
		Title(p.title).
		Description(p.description).
		Datasource(datasource).
		Unit(p.unit).
		Min(0).
		Height(8).
		Span(8).
		FillOpacity(10).
		ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().
			ShowLegend(true).DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	if p.line > 0 {
		g.Thresholds(dashboard.NewThresholdsConfigBuilder().
			Mode(dashboard.ThresholdsModeAbsolute).
			Steps([]dashboard.Threshold{{Color: "transparent"}, {Value: &p.line, Color: "red"}})).
			ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeLine))
	}
	if p.runbook != "" {
		g.Links([]cog.Builder[dashboard.DashboardLink]{
			dashboard.NewDashboardLinkBuilder("What to do").
				Type(dashboard.DashboardLinkTypeLink).Url(runbook + p.runbook).TargetBlank(true),
		})
	}
	for i, q := range p.queries {
		g.WithTarget(prometheus.NewDataqueryBuilder().
			RefId(string(rune('A' + i))).
			Datasource(datasource).
			Expr(fill.Replace(q.expr)).
			LegendFormat(q.legend).
			Range())
	}
	return g
}
