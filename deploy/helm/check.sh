#!/bin/sh
# Checks the chart: by helm, its unit tests, the schemas of Kubernetes and of the custom resources, and kube-score.
# What it needs is built into bin/ the first time, which takes some minutes.
set -eu
cd "$(dirname "$0")/../.."
bin=$PWD/bin
chart=deploy/helm/botgate
kubernetes=1.36.3

sh deploy/helm/tools.sh
if [ ! -x "$bin/kube-score" ]; then
	echo "Building kube-score; this takes a minute ..."
	GOBIN="$bin" go install github.com/zegl/kube-score/cmd/kube-score@v1.20.0
fi
if [ ! -d "$bin/schemas-$kubernetes" ]; then
	echo "Writing the schemas of Kubernetes $kubernetes and of custom resources ..."
	go -C deploy/checks run ./schemas "$bin/schemas-$kubernetes.new"
	mv "$bin/schemas-$kubernetes.new" "$bin/schemas-$kubernetes"
fi

"$bin/chart-tool" check "$chart" "$bin/schemas-$kubernetes"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for set in "$chart"/ci/*-values.yaml; do
	"$bin/chart-tool" render "$chart" "$chart/ci/minimal-values.yaml" "$set" >"$work/rendered.yaml"
	# No limit of processor time, for it would throttle; images are of a version, or of a digest. The smallest set has no
	# network policies, which are what it is about.
	ignore=container-image-pull-policy
	[ "$(basename "$set")" != small-values.yaml ] || ignore=$ignore,pod-networkpolicy
	"$bin/kube-score" score --kubernetes-version "v${kubernetes%.*}" --ignore-container-cpu-limit --ignore-test "$ignore" \
		--output-format ci "$work/rendered.yaml" >"$work/score" || { grep '^\[CRITICAL\]' "$work/score" >&2; exit 1; }
done
