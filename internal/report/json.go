package report

import (
	"encoding/json"
	"io"

	"github.com/ildc/ildc/exporter"
)

// WriteJSON writes a value to a file, in one move.
func WriteJSON(path string, v any) error {
	return exporter.Write(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		return enc.Encode(v)
	})
}
