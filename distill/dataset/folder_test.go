package dataset

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ildc/ildc/internal/setting"
	"github.com/ildc/ildc/internal/shared"
)

func TestOpenFolder(t *testing.T) {
	colour := encode(t, "png", gradient(4, 6))
	dir := write(t, map[string][]byte{
		"zebra/1.png": colour, "ant/2.bmp": encode(t, "bmp", gradient(4, 6)), "ant/1.JPG": encode(t, "jpg", gray(4, 6, 100)),
		"ant/notes.txt": []byte("not an image"), ".hidden/1.png": []byte("neither"), "ant/.1.png": []byte("neither"),
	})
	var calls atomic.Int32
	d, err := Open(context.Background(), dir, Options{Holdout: 1, Progress: func(done, of int) {
		if calls.Add(1) != int32(done) || of != 3 {
			t.Errorf("progress %d of %d at call %d", done, of, calls.Load())
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := d.Test.Spec()
	if want := []string{"ant", "zebra"}; !reflect.DeepEqual(s.ClassNames, want) || s.Classes != 2 || d.Test.Len() != 3 ||
		d.Format != "image folder" {
		t.Fatalf("%d samples in a %s, %+v: want classes %q", d.Test.Len(), d.Format, s, want)
	}
	if want := []int{4, 6, 3}; !reflect.DeepEqual(s.Features[0].Dims, want) || !s.Features[0].Image || calls.Load() != 3 {
		t.Errorf("features %+v, %d calls: want images %v", s.Features, calls.Load(), want)
	}
	// ant/1.JPG, ant/2.bmp, zebra/1.png; pixel (1, 2) of the gradient is (10, 20, 7); JPEG is lossy, by 2 at most where
	// all is one gray
	for i, want := range []struct {
		label int
		pixel [3]int
		slack int
	}{{0, [3]int{100, 100, 100}, 2}, {0, [3]int{10, 20, 7}, 0}, {1, [3]int{10, 20, 7}, 0}} {
		got, err := d.Test.Sample(i)
		if err != nil {
			t.Fatal(err)
		}
		pixels := got.Features[0].Data.([]uint8)[(1*6+2)*3:]
		for c := range 3 {
			if diff := int(pixels[c]) - want.pixel[c]; diff > want.slack || -diff > want.slack {
				t.Errorf("image %d: pixel %v: want %v", i, pixels[:3], want.pixel)
			}
		}
		if got.Label != want.label {
			t.Errorf("image %d: label %d: want %d", i, got.Label, want.label)
		}
	}
}

// TestFolderOnDemand checks that samples are the same whether they are held in memory or decoded each time.
func TestFolderOnDemand(t *testing.T) {
	dir := write(t, map[string][]byte{"a.png": encode(t, "png", gradient(5, 5)),
		"b.png": encode(t, "png", gray(9, 7, 50))})
	o := Options{Holdout: 1, Height: 4, Width: 4}
	held, err := Open(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	o.MaxBytes = 1
	demand, err := Open(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(held.Test.Spec(), demand.Test.Spec()) || held.Test.Spec().Classes != 0 {
		t.Errorf("spec %+v and %+v", held.Test.Spec(), demand.Test.Spec())
	}
	for i := range 2 {
		a, err := held.Test.Sample(i)
		if err != nil {
			t.Fatal(err)
		}
		b, err := demand.Test.Sample(i)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("sample %d: %v and %v", i, a, b)
		}
	}
	if _, ok := demand.Test.(*subset).Dataset.(*folder); !ok {
		t.Errorf("%T: want it decoded on demand", demand.Test.(*subset).Dataset)
	}
}

// Folders that are decoded on demand are told apart by names and sizes of their files, wherever they lie.
func TestFolderFingerprint(t *testing.T) {
	a, b := encode(t, "png", gray(2, 2, 1)), encode(t, "png", gray(90, 90, 1))
	print := func(files map[string][]byte) string {
		t.Helper()
		all := map[string][]byte{"test/c/1.png": a, "test/d/1.png": a}
		for name, content := range files {
			all["train/"+name] = content
		}
		d, err := Open(t.Context(), write(t, all), Options{Height: 2, Width: 2, MaxBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		f, err := Fingerprint(d.Train)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	want := print(map[string][]byte{"c/1.png": a, "d/2.png": a})
	for name, c := range map[string]struct {
		files map[string][]byte
		same  bool
	}{
		"the same elsewhere": {map[string][]byte{"c/1.png": a, "d/2.png": a}, true},
		"another name":       {map[string][]byte{"c/1.png": a, "d/3.png": a}, false},
		"another size":       {map[string][]byte{"c/1.png": a, "d/2.png": b}, false},
		"one more":           {map[string][]byte{"c/1.png": a, "d/2.png": a, "d/3.png": a}, false},
	} {
		if got := print(c.files); (got == want) != c.same {
			t.Errorf("%s: equal fingerprints: %v, want %v", name, got == want, c.same)
		}
	}
}

func TestTrainAndTestFolders(t *testing.T) {
	p := encode(t, "png", gray(2, 2, 1))
	d, err := Open(context.Background(), write(t,
		map[string][]byte{"train/a/1.png": p, "train/b/1.png": p, "test/b/1.png": p}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Test.Sample(0)
	if err != nil || s.Label != 1 || d.Test.Spec().Classes != 2 || !d.Given {
		t.Errorf("label %d of %d (%v): want the training data's class 1 of 2", s.Label, d.Test.Spec().Classes, err)
	}
	_, err = Open(context.Background(), write(t, map[string][]byte{"train/a/1.png": p, "test/b/1.png": p}), Options{})
	wantError(t, err, `class "b"`)
	_, err = Open(context.Background(), write(t,
		map[string][]byte{"train/a/1.png": p, "test/a/1.png": encode(t, "png", gray(3, 3, 1))}), Options{})
	wantError(t, err, "[2,2,1]", "[3,3,1]")
}

func TestUnreadableImages(t *testing.T) {
	good := encode(t, "png", gradient(8, 8))
	files := map[string][]byte{"ok.png": good}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		files[name+".png"] = good[:len(good)-20]
	}
	_, err := Open(context.Background(), write(t, files), Options{})
	wantError(t, err, "7 of 8 images cannot be read", "a.png", "e.png", "and 2 more")
	if strings.Contains(err.Error(), "f.png") {
		t.Errorf("error lists more than it should: %v", err)
	}
	huge := []byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00" +
		"\x28\x00\x00\x00\xff\xff\x00\x00\xff\xff\x00\x00\x01\x00\x18\x00")
	huge = append(huge, make([]byte, 24)...)
	for name, test := range map[string]struct {
		files map[string][]byte
		o     Options
		want  []string
	}{
		"garbage": {map[string][]byte{"x.jpg": []byte("garbage"), "y.png": nil}, Options{},
			[]string{"2 of 2", "x.jpg", "y.png"}},
		"too large": {map[string][]byte{"x.bmp": huge}, Options{}, []string{"x.bmp", "65535×65535 pixels", "limit"}},
		"sizes differ": {map[string][]byte{"a.png": good, "b.png": encode(t, "png", gradient(4, 6))}, Options{},
			[]string{"8×8", "4×6", "resize"}},
		"no images":       {map[string][]byte{"a.txt": nil}, Options{}, []string{"no images", ".png"}},
		"folders and not": {map[string][]byte{"a.png": good, "c/a.png": good}, Options{}, []string{"subfolder", `"c"`}},
		"bad options": {map[string][]byte{"a.png": good}, Options{Height: 3, Channels: 2, Holdout: 2},
			[]string{"3×0", "2 channels", "fraction of 2"}},
		"unknown format": {map[string][]byte{"train/a.png": good, "test": nil}, Options{}, nil},
		"nested train set": {map[string][]byte{"train/train/a.png": good, "train/test/a.png": good, "test/a.png": good},
			Options{}, []string{"itself"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(context.Background(), write(t, test.files), test.o)
			if test.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, test.want...)
		})
	}
	t.Run("settings", func(t *testing.T) {
		dir := write(t, map[string][]byte{"a.png": good, "b.png": encode(t, "png", gradient(4, 6))})
		for _, c := range []struct {
			o    Options
			want []string
		}{
			{Options{}, []string{"Height", "Width"}},
			{Options{Height: 3, Channels: 2, Holdout: 2}, []string{"Height", "Width", "Channels", "Holdout"}},
		} {
			_, err := Open(t.Context(), dir, c.o)
			if got := setting.Fields(err); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v: the settings that would mend it are %q, want %q", c.o, got, c.want)
			}
		}
	})
	t.Run("absent", func(t *testing.T) {
		_, err := Open(context.Background(), filepath.Join(t.TempDir(), "nowhere"), Options{})
		wantError(t, err, "nowhere", "no such file")
	})
	t.Run("neither format", func(t *testing.T) {
		_, err := Open(context.Background(), filepath.Join(write(t, map[string][]byte{"d.txt": nil}), "d.txt"), Options{})
		wantError(t, err, "d.txt", "image folder", ".npz")
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := Open(ctx, write(t, map[string][]byte{"a.png": good}), Options{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v: want %v", err, context.Canceled)
		}
	})
}

// TestCIFAR10 decodes a few JPEG files per class; the archive holds them in alphabetical order.
func TestCIFAR10(t *testing.T) {
	archive, err := os.Open(shared.File(t, "data/cifar10.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	z, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	perClass := map[string]int{}
	for r := tar.NewReader(z); ; { // the test images come first
		h, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(h.Name, "cifar10/train/") {
			break
		}
		class := filepath.Base(filepath.Dir(h.Name))
		if !strings.HasSuffix(h.Name, ".jpg") || perClass[class] == 5 {
			continue
		}
		perClass[class]++
		b, err := io.ReadAll(r)
		if err == nil {
			err = os.MkdirAll(filepath.Join(dir, class), 0o777)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, class, filepath.Base(h.Name)), b, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	d, err := Open(context.Background(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := d.Train.Spec()
	want := []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
	if !reflect.DeepEqual(s.ClassNames, want) || !reflect.DeepEqual(s.Features[0].Dims, []int{32, 32, 3}) ||
		d.Train.Len() != 40 || d.Test.Len() != 10 {
		t.Errorf("%d and %d samples, %+v", d.Train.Len(), d.Test.Len(), s)
	}
}
