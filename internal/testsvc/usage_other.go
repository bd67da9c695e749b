//go:build !linux

package testsvc

import (
	"testing"
	"time"
)

// ProcessorTime is 0 where there is no /proc.
func (s *Server) ProcessorTime() time.Duration { return 0 }

// OwnProcessorTime is 0 elsewhere than on Linux.
func OwnProcessorTime(testing.TB) time.Duration { return 0 }
