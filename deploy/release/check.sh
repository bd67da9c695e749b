#!/bin/sh
# Builds a release of the commit at hand twice, in two folders, and looks at what came out. Nothing is published. What
# is not committed is not in it.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
for command in dpkg-deb jq git; do
	command -v $command >/dev/null || { echo "release-check needs $command" >&2 && exit 1; }
done
sh deploy/release/tools.sh actionlint goreleaser cyclonedx-gomod cosign
export PATH="$root/bin:$PATH"
[ -z "$(git status --porcelain)" ] || echo "release-check: what is not committed is not checked"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "release-check: $*" >&2; exit 1; }

# The key pair stands for the workflow's identity; the empty configuration keeps the signature out of public logs.
export COSIGN_PASSWORD=
(cd "$work" && cosign generate-key-pair >/dev/null 2>&1)
echo '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}' >"$work/signing.json"
export BOTGATE_COSIGN_FLAGS="--key $work/cosign.key --signing-config $work/signing.json"

first=$work/first second=$work/second-in-another-folder
for folder in "$first" "$second"; do
	git clone -q --no-local "$root" "$folder"
	git -C "$folder" remote set-url origin https://github.com/botgate/botgate.git
	# The clone has no tools of its own.
	ln -s "$root/bin" "$folder/bin"
done

build() { # build <folder>: the release is in <folder>/dist
	echo "Building a release in ${1##*/}; the first takes some minutes ..."
	make -s -C "$1" release RELEASE="--snapshot --skip=publish" >"$1.log" 2>&1 || { tail -n 30 "$1.log" >&2 && exit 1; }
}

echo "Workflows"
actionlint
echo "Configuration"
build "$first"
(cd "$first" && BOTGATE_TAGS='' BOTGATE_LDFLAGS='' goreleaser check -q)
build "$second"
dist=$first/dist

echo "Same bytes twice"
cmp "$dist/checksums.txt" "$second/dist/checksums.txt" || {
	diff "$dist/checksums.txt" "$second/dist/checksums.txt" >&2 || true
	fail "two builds of one commit differ"
}
(cd "$dist" && sha256sum --quiet -c checksums.txt)
for kind in 'tar.gz 4' 'deb 2' 'rpm 2' 'cdx.json 8'; do
	count=$(grep -c "\.${kind% *}$" "$dist/checksums.txt") || true
	[ "$count" = "${kind#* }" ] || fail "$count files .${kind% *} in checksums.txt, not ${kind#* }"
done

echo "Signature"
verify() { cosign verify-blob --key "$work/cosign.pub" --insecure-ignore-tlog=true --bundle "$dist/checksums.txt.sigstore.json" "$1" >/dev/null 2>&1; }
verify "$dist/checksums.txt" || fail "the signature of checksums.txt does not verify"
(cat "$dist/checksums.txt" && echo) >"$work/changed"
! verify "$work/changed" || fail "the signature verifies for other bytes"

echo "SBOM"
for sbom in "$dist"/*.cdx.json; do
	of_modules='github.com/prometheus/client_golang github.com/rabbitmq/amqp091-go'
	case ${sbom##*/} in botgate_*) of_modules="$of_modules github.com/caddyserver/caddy/v2" ;; esac
	for module in $of_modules; do
		jq -e --arg m "$module" '.bomFormat == "CycloneDX" and any(.components[]; .name == $m and .version)' "$sbom" >/dev/null ||
			fail "${sbom##*/} lacks $module"
	done
done

echo "Archive"
archive=$(ls "$dist"/*_linux_amd64.tar.gz)
tar -tzf "$archive" >"$work/files"
for file in botgate botgate-backend LICENSE README.md Caddyfile schemas/github.json docs/README.md deploy/systemd/botgate.service; do
	grep -q "^[^/]*/$file$" "$work/files" || fail "the archive lacks $file"
done

echo "Package"
sh deploy/release/check_package.sh "$(ls "$dist"/*_amd64.deb)" "$(git -C "$first" rev-parse --short=12 HEAD)"

echo "Vulnerabilities"
for program in botgate botgate-backend; do
	sh deploy/release/vulncheck.sh "$(ls -d "$dist"/${program}_linux_amd64*/$program)"
done
