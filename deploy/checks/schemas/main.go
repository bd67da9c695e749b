// Command schemas writes JSON Schemas of Kubernetes' own kinds and of those that the chart uses beside
// them into a folder, for kubeconform: from files of Go modules, with unknown fields refused.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// kubernetes has the OpenAPI document of the API server.
const kubernetes = "k8s.io/kubernetes@v1.36.3"

// crds are files with custom resources, in modules of the versions that are checked against.
var crds = map[string]string{
	"github.com/kedacore/keda/v2@v2.21.0":                        "config/crd/bases/keda.sh_*.yaml",
	"sigs.k8s.io/gateway-api@v1.6.3":                             "config/crd/standard/*_*routes.yaml",
	"github.com/prometheus-operator/prometheus-operator@v0.85.0": "example/prometheus-operator-crd/*.yaml",
}

type object = map[string]any

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: schemas <folder> | -crds")
	}
	do := func() error { return write(os.Args[1]) }
	if os.Args[1] == "-crds" {
		do = list
	}
	if err := do(); err != nil {
		log.Fatal(err)
	}
}

// list prints the files with custom resources, for a server to be given.
func list() error {
	for module, pattern := range crds {
		files, err := crdFiles(module, pattern)
		if err != nil {
			return err
		}
		for _, file := range files {
			fmt.Println(file)
		}
	}
	return nil
}

func write(folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	if err := writeKubernetes(folder); err != nil {
		return fmt.Errorf("schemas of %s: %w", kubernetes, err)
	}
	for module, pattern := range crds {
		if err := writeCRDs(folder, module, pattern); err != nil {
			return fmt.Errorf("schemas of %s: %w", module, err)
		}
	}
	return nil
}

// moduleFolder downloads a module.
func moduleFolder(module string) (string, error) {
	command := exec.CommandContext(context.Background(), "go", "mod", "download", "-json", module) //nolint:gosec // Those above.
	command.Dir = os.TempDir()                                                                     // It is in no go.mod.
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	var found struct{ Dir string }
	return found.Dir, json.Unmarshal(out, &found)
}

// writeKubernetes writes the definitions into one file, and for each kind one that refers to its own.
func writeKubernetes(folder string) error {
	dir, err := moduleFolder(kubernetes)
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "api", "openapi-spec", "swagger.json"))
	if err != nil {
		return err
	}
	var document struct {
		Definitions map[string]object `json:"definitions"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return err
	}
	for name, definition := range document.Definitions {
		strict(definition)
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 {
			continue // Such as DeleteOptions, which is of every group.
		}
		kind, _ := kinds[0].(object)
		reference := object{"$ref": "definitions.json#/definitions/" + name}
		if err := save(folder, fmt.Sprint(kind["kind"]), fmt.Sprint(kind["group"]), fmt.Sprint(kind["version"]), reference); err != nil {
			return err
		}
	}
	for name, format := range map[string]any{
		"io.k8s.apimachinery.pkg.util.intstr.IntOrString": []string{"string", "integer"},
		"io.k8s.apimachinery.pkg.api.resource.Quantity":   []string{"string", "number"},
	} {
		document.Definitions[name] = object{"type": format}
	}
	return saveAs(filepath.Join(folder, "definitions.json"), object{"definitions": document.Definitions})
}

func crdFiles(module, pattern string) ([]string, error) {
	dir, err := moduleFolder(module)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no file of %s is like %s", module, pattern)
	}
	return files, err
}

// writeCRDs writes the schema of each version of each custom resource in the files.
func writeCRDs(folder, module, pattern string) error {
	files, err := crdFiles(module, pattern)
	if err != nil {
		return err
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var crd struct {
			Spec struct {
				Group    string
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct {
						OpenAPIV3Schema object `yaml:"openAPIV3Schema"`
					}
				}
			}
		}
		if err := yaml.Unmarshal(raw, &crd); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, v := range crd.Spec.Versions {
			strict(v.Schema.OpenAPIV3Schema)
			if err := save(folder, crd.Spec.Names.Kind, crd.Spec.Group, v.Name, v.Schema.OpenAPIV3Schema); err != nil {
				return err
			}
		}
	}
	return nil
}

// strict refuses fields that an object does not name, as the API server does with strict validation.
func strict(schema object) {
	_, named := schema["properties"].(object)
	_, others := schema["additionalProperties"]
	if named && !others && schema["x-kubernetes-preserve-unknown-fields"] != true {
		schema["additionalProperties"] = false
	}
	if schema["x-kubernetes-int-or-string"] == true {
		schema["type"] = []string{"string", "integer"}
	}
	for key, below := range schema {
		switch v := below.(type) {
		case object:
			if key == "properties" { // Its members are schemas, whatever their names.
				for _, property := range v {
					if p, is := property.(object); is {
						strict(p)
					}
				}
				continue
			}
			strict(v)
		case []any:
			for _, one := range v {
				if o, is := one.(object); is {
					strict(o)
				}
			}
		}
	}
}

// save names the file as kubeconform asks for it: by the kind, the first part of the group's name and the version.
func save(folder, kind, group, version string, schema object) error {
	name := kind
	if group, _, _ = strings.Cut(group, "."); group != "" {
		name += "-" + group
	}
	return saveAs(filepath.Join(folder, strings.ToLower(name+"-"+version)+".json"), schema)
}

func saveAs(path string, schema object) error {
	raw, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o600)
}
