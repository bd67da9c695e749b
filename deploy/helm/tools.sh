#!/bin/sh
# Builds bin/chart-tool: the libraries of helm, kubeconform and helm-unittest in one program, which share what takes long.
set -eu
cd "$(dirname "$0")/../.."
[ ! -x bin/chart-tool ] || [ -n "$(find deploy/checks/chart -newer bin/chart-tool)" ] || exit 0
echo "Building what checks the chart; the first time this takes some minutes ..."
go -C deploy/checks/chart build -ldflags "-s -w" -o "$PWD/bin/chart-tool" .
