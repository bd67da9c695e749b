package eventjson

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/botgate/botgate/internal/event"
)

// AppendCloudEvent appends an event in the structured mode of CloudEvents 1.0.2
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md). A JSON body is there byte for byte.
func AppendCloudEvent(out []byte, e *event.Event) ([]byte, error) {
	attributes := maps.Collect(e.Attributes())
	if e.ContentType != "" {
		attributes["datacontenttype"] = e.ContentType
	}
	object, err := json.Marshal(attributes)
	if err != nil {
		return nil, fmt.Errorf("encoding the attributes of an event: %w", err)
	}
	return withBody(append(out, object...), e), nil
}
