package importer_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/onnxpb"
)

// readExternal makes w of the model lie in a file: 2 floats.
func external(entries ...string) *onnxpb.ModelProto {
	m := model()
	w := m.Graph.Initializer[0]
	w.FloatData, w.DataLocation = nil, new(onnxpb.TensorProto_EXTERNAL)
	for i := 0; i < len(entries); i += 2 {
		w.ExternalData = append(w.ExternalData, &onnxpb.StringStringEntryProto{Key: &entries[i], Value: &entries[i+1]})
	}
	return m
}

func TestExternalData(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "model")
	bytes := []byte{9, 9, 9, 9, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40} // 4 bytes, then 1 and 2
	for _, file := range []string{"model/w.bin", "model/sub/w.bin", "secret.bin"} {
		path := filepath.Join(base, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"outside.bin": "../secret.bin", "inside.bin": "sub/w.bin", "up": ".."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	tests := []struct {
		name    string
		entries []string
		kind    error // nil: it is read
		want    string
	}{
		{"whole", []string{"location", "w.bin", "offset", "4", "length", "8"}, nil, ""},
		{"without length", []string{"location", "w.bin", "offset", "4"}, nil, ""},
		{"checksum", []string{"location", "w.bin", "offset", "4", "checksum", "x"}, nil, ""},
		{"subfolder", []string{"location", "sub/w.bin", "offset", "4"}, nil, ""},
		{"link inside", []string{"location", "inside.bin", "offset", "4"}, nil, ""},
		{"absent", []string{"location", "absent.bin"}, importer.ErrDeclined,
			`initializer "w": the external data file "absent.bin" is not in`},
		{"no location", nil, importer.ErrMalformed, `location ""`},
		{"parent", []string{"location", "../secret.bin"}, importer.ErrMalformed, "not inside the model's folder"},
		{"parent inside", []string{"location", "sub/../../secret.bin"}, importer.ErrMalformed,
			"not inside the model's folder"},
		{"absolute", []string{"location", filepath.Join(base, "secret.bin")}, importer.ErrMalformed,
			"not inside the model's folder"},
		{"link outside", []string{"location", "outside.bin", "offset", "4"}, importer.ErrDeclined, "escapes"},
		{"folder link outside", []string{"location", "up/secret.bin", "offset", "4"}, importer.ErrDeclined, "escapes"},
		{"a folder", []string{"location", "sub"}, importer.ErrDeclined, "not a file"},
		{"offset past the end", []string{"location", "w.bin", "offset", "5"}, importer.ErrMalformed,
			`"w.bin" has 12 bytes, want 8 from byte 5 on`},
		{"huge offset", []string{"location", "w.bin", "offset", "9223372036854775807"}, importer.ErrMalformed,
			"has 12 bytes"},
		{"negative offset", []string{"location", "w.bin", "offset", "-4"}, importer.ErrMalformed, `offset "-4"`},
		{"no number", []string{"location", "w.bin", "offset", "four"}, importer.ErrMalformed, `offset "four"`},
		{"wrong length", []string{"location", "w.bin", "length", "12"}, importer.ErrMalformed,
			"length 12 for dims [2], want 8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g, err := importer.Import(encode(t, external(test.entries...)), importer.Options{Dir: dir})
			if test.kind != nil {
				if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %v and %q", err, test.kind, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, want := g.Initializers[0].Const.Float32s(), []float32{1, 2}; !slices.Equal(got, want) {
				t.Errorf("elements %v, want %v", got, want)
			}
		})
	}
}

// TestExternalDataUnread looks at what is refused before a file is looked at.
func TestExternalDataUnread(t *testing.T) {
	m := external("location", "w.bin")
	if _, err := importer.Import(encode(t, m), importer.Options{}); !errors.Is(err, importer.ErrDeclined) ||
		!strings.Contains(err.Error(), "folder is not known") {
		t.Errorf("no folder: error %v, want one that is %v", err, importer.ErrDeclined)
	}
	m.Graph.Initializer[0].Dims = []int64{1 << 40}
	_, err := importer.Import(encode(t, m), importer.Options{Dir: t.TempDir()})
	if !errors.Is(err, importer.ErrDeclined) || !strings.Contains(err.Error(), "MaxBytes") {
		t.Errorf("larger than the limit: error %v, want one that is %v", err, importer.ErrDeclined)
	}
	m.Graph.Initializer[0].DataType = new(int32(22))
	if _, err := importer.Import(encode(t, m), importer.Options{Dir: t.TempDir()}); !errors.Is(err, importer.ErrDeclined) {
		t.Errorf("a type that is not modelled: error %v, want one that is %v", err, importer.ErrDeclined)
	}
}

// TestSharedExternalData reads one file for more tensors than the limit allows in all.
func TestSharedExternalData(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "w.bin"), make([]byte, 8), 0o666); err != nil {
		t.Fatal(err)
	}
	m := external("location", "w.bin")
	for i := range 100 {
		w := onnxpb.Shallow(m.Graph.Initializer[0])
		w.Name = new("w" + strings.Repeat("'", i+1))
		m.Graph.Initializer = append(m.Graph.Initializer, w)
	}
	data := encode(t, m)
	if _, err := importer.Import(data, importer.Options{Dir: dir, MaxBytes: int64(len(data)) + 808}); err != nil {
		t.Error(err)
	}
	_, err := importer.Import(data, importer.Options{Dir: dir, MaxBytes: int64(len(data)) + 807})
	if !errors.Is(err, importer.ErrDeclined) {
		t.Errorf("error %v, want one that is %v", err, importer.ErrDeclined)
	}
}
