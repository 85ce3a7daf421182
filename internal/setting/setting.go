package setting

import (
	"errors"
	"slices"
)

// mended is an error with the settings that would mend it.
type mended struct {
	error
	fields []string
}

func (m *mended) Unwrap() error { return m.error }

// Mends names the settings that would mend an error, as "Batch" or "Scale"; the error's text and chain stay. It is nil
// for nil.
func Mends(err error, fields ...string) error {
	if err == nil {
		return nil
	}
	return &mended{err, fields}
}

// Fields lists the settings that any error of a tree names, each once, in the order of their first mention.
func Fields(err error) []string {
	var all []string
	var walk func(error)
	walk = func(err error) {
		if m, ok := err.(*mended); ok {
			for _, f := range m.fields {
				if !slices.Contains(all, f) {
					all = append(all, f)
				}
			}
		}
		switch e := err.(type) {
		case interface{ Unwrap() []error }:
			for _, each := range e.Unwrap() {
				walk(each)
			}
		default:
			if next := errors.Unwrap(err); next != nil {
				walk(next)
			}
		}
	}
	if err != nil {
		walk(err)
	}
	return all
}
