//go:build !linux

package testsvc

import "syscall"

// orphanSignal does nothing: only Linux tells a child about its parent's death.
func orphanSignal(*syscall.SysProcAttr, syscall.Signal) {}

// family is the process alone where there is no /proc to find its children in.
func family(root int) []int { return []int{root} }

// frozen takes it for granted where there is no /proc to see it.
func frozen(int) bool { return true }
