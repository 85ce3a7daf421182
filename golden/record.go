package golden

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/setting"
)

// Record runs a model on the inputs of every case, and writes the cases and the manifest into a folder, which is made
// where it isn't there. Cases that are there already are an error, or are replaced with Options.Overwrite. They are
// replaced once all the new ones are written.
func Record(
	ctx context.Context, modelPath, dir string, inputs []map[string]*graph.Tensor, e engine.Engine, o Options,
) error {
	if err := record(ctx, modelPath, dir, inputs, e, o); err != nil {
		return fmt.Errorf("golden: %w", err)
	}
	return nil
}

func record(
	ctx context.Context, modelPath, dir string, inputs []map[string]*graph.Tensor, e engine.Engine, o Options,
) (err error) {
	if len(inputs) == 0 {
		return errors.New("no inputs to record")
	}
	if err := validTolerance(o.RelTol, o.AbsTol); err != nil {
		return err
	}
	m, err := openModel(modelPath, e, o.Engine)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	old, err := caseFolders(dir)
	if err != nil {
		return err
	}
	if len(old) > 0 && !o.Overwrite {
		return setting.Mends(fmt.Errorf("%s holds %d cases already: remove them, or ask for them to be overwritten",
			dir, len(old)), "Overwrite")
	}

	fresh, err := os.MkdirTemp(dir, ".recording-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := writeCases(ctx, m, fresh, inputs); err != nil {
		return err
	}
	if err := writeManifest(fresh, filepath.Base(modelPath), m, o); err != nil {
		return err
	}
	return replace(dir, old, fresh)
}

// writeCases runs the model on inputs, and writes a folder for each.
func writeCases(ctx context.Context, m *model, dir string, inputs []map[string]*graph.Tensor) error {
	for i, in := range inputs {
		out, err := m.run(ctx, in)
		if err != nil {
			return fmt.Errorf("case %d: %w", i, err)
		}
		folder := filepath.Join(dir, fmt.Sprint(casePrefix, i))
		if err := os.Mkdir(folder, 0o777); err != nil {
			return err
		}
		if err := writeCase(folder, m.graph, in, out); err != nil {
			return fmt.Errorf("case %d: %w", i, err)
		}
	}
	return nil
}

// writeManifest says what recorded the cases beside it, and how near others are to come.
func writeManifest(dir, name string, m *model, o Options) error {
	manifest := Manifest{Version: manifestVersion, Model: name, SHA256: m.sha256, Engine: m.version(),
		RelTol: cmp.Or(o.RelTol, DefaultRelTol), AbsTol: cmp.Or(o.AbsTol, DefaultAbsTol)}
	text, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, manifestFile), append(text, '\n'))
}

// replace moves what was recorded in fresh to dir, in the place of the old cases.
func replace(dir string, old []string, fresh string) error {
	for _, folder := range old {
		if folder == dir {
			return fmt.Errorf("%s holds input_0.pb itself: record into another folder", dir)
		}
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(fresh)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(fresh, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a new file and flushes it.
func writeFile(path string, data []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
