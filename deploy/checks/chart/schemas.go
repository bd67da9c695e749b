package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/yannh/kubeconform/pkg/validator"
)

// schemas are those of all kinds.
type schemas struct{ validator validator.Validator }

func newSchemas(folder string) (*schemas, error) {
	v, err := validator.New([]string{folder + "/{{.ResourceKind}}{{.KindSuffix}}.json"}, validator.Opts{
		KubernetesVersion: kubernetes, Strict: true,
	})
	return &schemas{v}, err
}

// check says what of rendered objects is not as the schemas have it, and how many objects there are.
func (s *schemas) check(text string) (objects int, err error) {
	var problems []error
	for _, result := range s.validator.Validate("rendered.yaml", io.NopCloser(strings.NewReader(text))) {
		switch result.Status {
		case validator.Valid:
			objects++
		case validator.Empty:
		default:
			name := "an object"
			if signature, err := result.Resource.Signature(); err == nil {
				name = signature.Kind + " " + signature.Name
			}
			problems = append(problems, fmt.Errorf("%s: %w", name, result.Err))
		}
	}
	if objects == 0 {
		problems = append(problems, errors.New("nothing was rendered"))
	}
	return objects, errors.Join(problems...)
}
