// Package schemas holds the JSON Schemas that are part of the binary: of commands and
// of the platforms' envelopes.
package schemas

import "embed"

// FS holds the schemas, by file name: command.v1.json, github.json and so on.
//
//go:embed *.json
var FS embed.FS
