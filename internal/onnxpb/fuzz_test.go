package onnxpb

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzDecode reads arbitrary bytes. What is read is written again to an equal message, and whatever else is asked of it
// does not panic.
func FuzzDecode(f *testing.F) {
	const most = 1 << 16
	files, err := filepath.Glob("../../testdata/onnx/*/model.onnx")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
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
		var m ModelProto
		if Unmarshal(data, &m, Limits{}) != nil {
			return
		}
		for _, w := range m.GetGraph().GetInitializer() {
			w.Elements()
		}
		for _, n := range m.GetGraph().GetNode() {
			for _, name := range n.Captures() {
				for _, a := range n.GetAttribute() {
					a.RenameCaptures(map[string]string{name: name + "'"})
				}
			}
			for _, a := range n.GetAttribute() {
				a.Value()
			}
		}
		written, err := Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		var again ModelProto
		if err := Unmarshal(written, &again, Limits{}); err != nil {
			t.Fatalf("what was written is not read: %v", err)
		}
		second, err := Marshal(&again)
		if err != nil || !Equal(&m, &again) || !bytes.Equal(written, second) {
			t.Fatalf("what was written is read as another message, %v", err)
		}
	})
}
