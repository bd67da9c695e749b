#!/bin/sh
# tools.sh NAME...: installs pinned tools into bin/, where they are not there yet.
set -eu
cd "$(dirname "$0")/../.."
bin=$PWD/bin
mkdir -p "$bin"

install_tool() { # install_tool <name> <package@version>
	[ ! -x "$bin/$1" ] || return 0
	echo "Installing $2; the first time this takes ${3:-a minute} ..."
	GOBIN=$bin go install "$2"
}

for tool in "$@"; do
	case $tool in
	actionlint) install_tool "$tool" github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 ;;
	cosign) install_tool "$tool" github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3 "some minutes" ;;
	cyclonedx-gomod) install_tool "$tool" github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 ;;
	goreleaser) install_tool "$tool" github.com/goreleaser/goreleaser/v2@v2.15.1 "some minutes" ;;
	govulncheck) install_tool "$tool" golang.org/x/vuln/cmd/govulncheck@v1.9.0 ;;
	indexdb) install_tool "$tool" "golang.org/x/vulndb/cmd/indexdb@${VULNDB_VERSION:?}" ;;
	*) echo "tools.sh: no tool $tool" >&2 && exit 1 ;;
	esac
done
