package importer_test

import (
	"os"
	"testing"

	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/onnxpb"
)

// FuzzImport imports arbitrary bytes. What is imported is a valid graph, and is exported as an equal message.
func FuzzImport(f *testing.F) {
	const most = 1 << 16
	for _, file := range fixtures(f) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) <= most {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > most {
			t.Skip("larger than the cap")
		}
		g, err := importer.Import(data, importer.Options{})
		if err != nil {
			return
		}
		if err := g.Check(); err != nil {
			t.Fatal(err)
		}
		written, err := exporter.Marshal(g, exporter.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var before, after onnxpb.ModelProto
		if err := onnxpb.Unmarshal(data, &before, onnxpb.Limits{}); err != nil {
			t.Fatal(err)
		}
		if err := onnxpb.Unmarshal(written, &after, onnxpb.Limits{}); err != nil {
			t.Fatal(err)
		}
		if !onnxpb.Equal(&before, &after) {
			t.Fatalf("exported as another message:\n%v\nwant\n%v", &after, &before)
		}
		if err := importer.Verify(written, importer.Options{}, g); err != nil {
			t.Fatal(err)
		}
	})
}
