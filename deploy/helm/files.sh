#!/bin/sh
# Copies the rules and dashboards into the chart, which can read nothing outside of its folder.
set -eu
cd "$(dirname "$0")/.."
copy() { # from, to, kind of file
	rm -rf "helm/botgate/files/$2"
	mkdir -p "helm/botgate/files/$2"
	cp "$1"/*."$3" "helm/botgate/files/$2/"
}
copy prometheus/rules rules yml
[ ! -d grafana/dashboards ] || copy grafana/dashboards dashboards json
