package config_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/testdocs"
)

// TestDocs keeps the page of the settings as [config.Options] has them.
func TestDocs(t *testing.T) {
	t.Parallel()
	testdocs.Compare(t, "../../docs/reference/settings.md", page())
	for _, o := range config.Options {
		if o.Page != "" {
			require.FileExists(t, "../../docs/"+o.Page)
		}
	}
}

func page() string {
	var b strings.Builder
	b.WriteString(`# Settings of the backend

<!-- Made by "make docs" from backend/config/options.go. -->

` + "`botgate-backend`" + ` takes each setting from its flag, else from its environment variable, else the default; a
variable that is empty counts as unset. Addresses with a password belong in the environment, since every user
of the machine can read a process's flags. In the gateway's process, [` + "`botgate_embedded`" + `](embedded.md) has
options of the names in the third column; the others are those of the option [` + "`botgate`" + `](botgate.md).

| variable | flag | ` + "`botgate_embedded`" + ` | default | meaning |
|---|---|---|---|---|
`)
	for _, o := range config.Options {
		meaning := o.Help
		if o.Page != "" {
			meaning += " ([more](../" + o.Page + "))"
		}
		fmt.Fprintf(&b, "| `%s` | `--%s` | %s | %s | %s |\n", o.Env, o.Flag, code(o.Caddy), cmp.Or(code(o.Default), o.Unset, "none"), escape(meaning))
	}
	return strings.ReplaceAll(b.String(), "(../reference/", "(")
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// escape shows what would be HTML, such as <path>.
func escape(s string) string { return strings.ReplaceAll(s, "<", "&lt;") }

func TestOptionsAreComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, o := range config.Options {
		require.True(t, strings.HasPrefix(o.Env, "BOTGATE_"), o.Env)
		require.NotEmpty(t, o.Help, o.Env)
		for _, name := range []string{o.Flag, o.Env} {
			require.NotEmpty(t, name)
			require.False(t, seen[name], name)
			seen[name] = true
		}
	}
}
