package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// maxYAMLDepth stops aliases that contain themselves.
const maxYAMLDepth = 500

// decodeYAML decodes a document into the values that the same document in JSON has: keys
// are strings, and what YAML 1.1 takes for a date is a string too.
func decodeYAML(raw []byte) (any, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(raw, &root); err != nil {
		return nil, err
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
		return nil, errors.New("there is no document in it")
	}
	return yamlDecoder{}.value(root.Content[0], 0)
}

// yamlDecoder keeps what anchors stand for, so that aliases share it.
type yamlDecoder map[*yaml.Node]any

func (d yamlDecoder) value(n *yaml.Node, depth int) (v any, err error) {
	if depth > maxYAMLDepth {
		return nil, fmt.Errorf("line %d: nested too deeply", n.Line)
	}
	if known, ok := d[n]; ok {
		return known, nil
	}
	switch n.Kind {
	case yaml.AliasNode:
		return d.value(n.Alias, depth+1)
	case yaml.MappingNode:
		v, err = d.object(n, depth)
	case yaml.SequenceNode:
		items := make([]any, len(n.Content))
		for i, item := range n.Content {
			if items[i], err = d.value(item, depth+1); err != nil {
				return nil, err
			}
		}
		v = items
	default:
		v, err = scalar(n)
	}
	if n.Anchor != "" && err == nil {
		d[n] = v
	}
	return v, err
}

func (d yamlDecoder) object(n *yaml.Node, depth int) (any, error) {
	object := make(map[string]any, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
			return nil, fmt.Errorf("line %d: a key must be plain text; merge keys are not supported", key.Line)
		}
		if _, twice := object[key.Value]; twice {
			return nil, fmt.Errorf("line %d: key %q occurs twice", key.Line, key.Value)
		}
		v, err := d.value(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		object[key.Value] = v
	}
	return object, nil
}

func scalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var v bool
		err := n.Decode(&v)
		return v, err
	case "!!int", "!!float":
		return yamlNumber(n)
	}
	return n.Value, nil
}

// yamlNumber keeps a number as it is written where JSON knows the form, too.
func yamlNumber(n *yaml.Node) (any, error) {
	if json.Valid([]byte(n.Value)) {
		return json.Number(n.Value), nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case int, int64, uint64:
		return json.Number(fmt.Sprint(v)), nil
	case float64:
		if !math.IsInf(v, 0) && !math.IsNaN(v) {
			return json.Number(strconv.FormatFloat(v, 'g', -1, 64)), nil
		}
	}
	return nil, fmt.Errorf("line %d: JSON knows no such number", n.Line)
}
