#!/bin/sh
# vulncheck.sh BINARY...: fails when a binary has a module with a published vulnerability. Those of Go itself are
# reported, since they depend on who builds; VULN_GO=fail refuses them, too, as the release does.
# The database is a pinned module, so that what passed once passes again; VULNDB=https://vuln.go.dev is today's.
set -eu
cd "$(dirname "$0")/../.."
export VULNDB_VERSION=v0.0.0-20261105234957-e22db6528018
if ! command -v jq >/dev/null 2>&1; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
		echo "vulncheck needs jq; on Debian or Ubuntu: sudo apt-get install jq" >&2
		exit 1
	fi
	echo "Installing jq ..."
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends jq >/dev/null
fi
sh deploy/release/tools.sh govulncheck

if [ -z "${VULNDB:-}" ]; then
	data=bin/vulndb-$VULNDB_VERSION
	if [ ! -d "$data" ]; then
		sh deploy/release/tools.sh indexdb
		records=$(go mod download -json "golang.org/x/vulndb@$VULNDB_VERSION" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
		rm -rf "$data.new"
		bin/indexdb -vulns "$records/data/osv" -out "$data.new"
		mv "$data.new" "$data"
	fi
	VULNDB=file://$PWD/$data
fi

status=0
found=$(mktemp)
trap 'rm -f "$found"' EXIT
for binary in "$@"; do
	bin/govulncheck -mode binary -format json -db "$VULNDB" "$binary" >"$found"
	# A finding comes once for the module, and again for the package and the function where the binary has them.
	modules=$(jq -r 'select(.finding) | .finding | "\(.trace[0].module) \(.trace[0].version) \(.osv) fixed in \(.fixed_version // "none")"' "$found" | sort -u)
	of_go=$(echo "$modules" | grep '^stdlib ' || true)
	of_modules=$(echo "$modules" | grep -v '^stdlib ' || true)
	[ -z "$of_go" ] || echo "$binary: $(echo "$of_go" | wc -l) of Go itself: build with a newer Go"
	[ -z "$of_go" ] || [ "${VULN_GO:-report}" != fail ] || { echo "$of_go" >&2 && status=1; }
	if [ -n "$of_modules" ]; then
		echo "$of_modules" | sed "s|^|$binary: |" >&2
		status=1
	else
		echo "$binary: no published vulnerability in its modules"
	fi
done
exit $status
