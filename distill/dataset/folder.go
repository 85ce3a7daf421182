package dataset

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/setting"
)

// imageExts are the names that image files end in.
var imageExts = []string{".png", ".jpg", ".jpeg", ".bmp"}

// folder is a dataset of image files, decoded when they are asked for.
type folder struct {
	spec  Spec
	root  string
	files []imageFile
	size  size
}

type imageFile struct {
	name  string // relative to the root, with slashes
	bytes int64
	label int
}

// openFolder lists the images of a folder, and holds them in memory where they fit.
// classes are the names of the subfolders that are labels; nil where the folder is to say itself.
func openFolder(ctx context.Context, root string, classes []string, o Options) (Dataset, error) {
	root, err := filepath.EvalSymlinks(root) // a walk does not follow links
	if err != nil {
		return nil, err
	}
	d := &folder{root: root}
	if err := d.list(classes); err != nil {
		return nil, err
	}
	if err := d.measure(ctx, o); err != nil {
		return nil, err
	}
	d.spec.Features = []Feature{{Name: "image", DType: graph.Uint8, Dims: d.size.dims(), Image: true}}
	if d.size.bytes() > o.maxBytes()/int64(len(d.files)) {
		return d, nil
	}
	return d.decode(ctx, o)
}

// list finds the images, in the order of classes and names, and labels them.
func (d *folder) list(classes []string) error {
	found, err := findImages(d.root)
	if err != nil {
		return err
	}
	folders := slices.Sorted(maps.Keys(found))
	switch {
	case len(folders) == 0:
		return fmt.Errorf("no images (%s), no IDX files, and no train and test data", strings.Join(imageExts, ", "))
	case folders[0] == "" && len(folders) > 1:
		return fmt.Errorf("images both in the folder itself and in %q: want one subfolder per class, or none", folders[1:])
	case classes != nil:
		d.spec.ClassNames = classes
	case folders[0] != "":
		d.spec.ClassNames = folders
	}
	d.spec.Classes = len(d.spec.ClassNames)
	for _, class := range folders {
		label, known := slices.BinarySearch(d.spec.ClassNames, class)
		if !known && class != "" {
			return fmt.Errorf("class %q is not among those of the training data: %q", class, classes)
		}
		if !known {
			label = NoLabel
		}
		for _, f := range found[class] {
			f.label = label
			d.files = append(d.files, f)
		}
	}
	return nil
}

// findImages lists the images below a folder by its subfolders, of which "" is the folder itself. What is hidden is
// left out.
func findImages(root string) (map[string][]imageFile, error) {
	found := map[string][]imageFile{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(e.Name(), ".") && path != root
		switch {
		case hidden && e.IsDir():
			return filepath.SkipDir
		case hidden || !slices.Contains(imageExts, strings.ToLower(filepath.Ext(path))):
			return nil
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		class := ""
		if i := strings.IndexByte(name, '/'); i >= 0 {
			class = name[:i]
		}
		found[class] = append(found[class], imageFile{name: name, bytes: info.Size()})
		return nil
	})
	return found, err
}

// measure finds the size that the images have, or are to have.
func (d *folder) measure(ctx context.Context, o Options) error {
	sizes := make([]size, len(d.files))
	err := d.each(ctx, o.workers(), nil, func(i int) (err error) {
		sizes[i], err = imageSize(d.path(i))
		return err
	})
	if err != nil {
		return err
	}
	for _, s := range sizes {
		d.size.c = max(d.size.c, s.c) // one colour image makes all of them RGB
	}
	d.size = o.size().or(size{sizes[0].h, sizes[0].w, d.size.c})
	for i, s := range sizes {
		if o.Height == 0 && (s.h != d.size.h || s.w != d.size.w) {
			err := fmt.Errorf("images differ in size: %s is %d×%d and %s %d×%d: "+
				"a height and a width to resize to make them equal",
				d.files[0].name, sizes[0].h, sizes[0].w, d.files[i].name, s.h, s.w)
			return setting.Mends(err, "Height", "Width")
		}
	}
	return nil
}

// decode reads all images into memory.
func (d *folder) decode(ctx context.Context, o Options) (*Memory, error) {
	all := graph.NewTensor(graph.Uint8, append([]int{len(d.files)}, d.size.dims()...)...)
	err := d.each(ctx, o.workers(), o.Progress, func(i int) error {
		b, err := readImage(d.path(i))
		if err == nil {
			copy(row(all, i).Data.([]uint8), b.as(d.size).pixels)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	m := &Memory{spec: d.spec, arrays: []*graph.Tensor{all}, n: len(d.files)}
	if d.spec.Classes > 0 {
		m.labels = make([]int, m.n)
		for i, f := range d.files {
			m.labels[i] = f.label
		}
	}
	return m, nil
}

// each calls do for every file from several goroutines. The error lists the first few files that fail, in order, and
// counts the rest.
func (d *folder) each(ctx context.Context, workers int, progress func(done, of int), do func(i int) error) error {
	errs := make([]error, len(d.files))
	var mu sync.Mutex
	var next, done int
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1
	}
	finish := func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		if progress != nil {
			progress(done, len(d.files))
		}
	}
	var goroutines sync.WaitGroup
	for range workers {
		goroutines.Go(func() {
			for i := take(); i < len(d.files) && ctx.Err() == nil; i = take() {
				errs[i] = do(i)
				finish()
			}
		})
	}
	goroutines.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.unreadable(errs)
}

// shown is how many unreadable images, or cells, an error lists.
const shown = 5

func (d *folder) unreadable(errs []error) error {
	var list []error
	n := 0
	for i, err := range errs {
		if err == nil {
			continue
		}
		if n++; n <= shown {
			var p *fs.PathError
			if errors.As(err, &p) {
				err = p.Err
			}
			list = append(list, fmt.Errorf("%s: %w", d.files[i].name, err))
		}
	}
	if n == 0 {
		return nil
	}
	if n > shown {
		list = append(list, fmt.Errorf("and %d more", n-shown))
	}
	return fmt.Errorf("%d of %d images cannot be read:\n%w", n, len(d.files), errors.Join(list...))
}

func (d *folder) path(i int) string {
	return filepath.Join(d.root, filepath.FromSlash(d.files[i].name))
}

func (d *folder) Len() int { return len(d.files) }

func (d *folder) Spec() Spec { return d.spec }

func (d *folder) Sample(i int) (Sample, error) {
	if i < 0 || i >= len(d.files) {
		return Sample{}, fmt.Errorf("dataset: sample %d of %d", i, len(d.files))
	}
	b, err := readImage(d.path(i))
	if err != nil {
		return Sample{}, fmt.Errorf("dataset: %s: %w", d.path(i), err)
	}
	t := &graph.Tensor{DType: graph.Uint8, Dims: d.size.dims(), Data: b.as(d.size).pixels}
	return Sample{Features: []*graph.Tensor{t}, Label: d.files[i].label}, nil
}

// fingerprint hashes the files' names and sizes.
func (d *folder) fingerprint(h hash.Hash) error {
	for _, f := range d.files {
		fmt.Fprintf(h, "%q %d %d\n", f.name, f.bytes, f.label)
	}
	return nil
}
