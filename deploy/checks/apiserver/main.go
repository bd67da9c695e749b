// Command apiserver is kube-apiserver itself, which "go install" does not build: its module replaces parts of it by
// folders. go.mod names their published versions.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
