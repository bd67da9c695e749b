//go:build !linux

package testsvc

import "time"

// ProcessorTime is 0 where there is no /proc.
func (s *Server) ProcessorTime() time.Duration { return 0 }
