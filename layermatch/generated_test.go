package layermatch_test

import (
	"path/filepath"
	"testing"

	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/layermatch"
	"github.com/ildc/ildc/models"
)

// TestGenerated aligns the digits teacher and its folded twin with students that models generates from them, and with
// each other's: the matcher does not see the lineage but to check what it found.
func TestGenerated(t *testing.T) {
	for _, teacher := range []string{"teacher.onnx", "teacher_folded.onnx"} {
		for _, parent := range []string{"teacher.onnx", "teacher_folded.onnx"} {
			t.Run(teacher+"/"+parent, func(t *testing.T) {
				source, err := importer.File(filepath.Join("..", "testdata", "digits", parent))
				if err != nil {
					t.Fatal(err)
				}
				generated, err := models.Generate(source, models.Budget{{Measure: models.MACs, Value: 0.5, Ratio: true}},
					models.Options{Binding: pass.Binding{Batch: 1}})
				if err != nil {
					t.Fatal(err)
				}
				g, err := importer.File(filepath.Join("..", "testdata", "digits", teacher))
				if err != nil {
					t.Fatal(err)
				}
				lineage := map[string]layermatch.Source{}
				if parent == teacher {
					for name, l := range generated.Lineage {
						lineage[name] = layermatch.Source{Teacher: l.Teacher, Kept: l.Channels()}
					}
				}
				a := align(t, specialise(t, g), specialise(t, generated.Graph), layermatch.Options{Lineage: lineage})
				if len(a.Pairs) < 10 || len(a.Pairs) != len(a.Student) || len(a.Pairs) != len(a.Teacher) || len(a.Chosen()) == 0 {
					t.Errorf("%d pairs of %d and %d candidates, %d chosen", len(a.Pairs), len(a.Teacher), len(a.Student),
						len(a.Chosen()))
				}
				for _, p := range a.Pairs {
					if p.Terms.Spatial != 1 || p.Terms.Kind != 1 || p.Teacher.Depth != p.Student.Depth {
						t.Errorf("%s and %s: %+v, depths %g and %g", p.Teacher.Name, p.Student.Name, p.Terms, p.Teacher.Depth,
							p.Student.Depth)
					}
					if parent == teacher && (p.Lineage != "agrees" || p.Teacher.Channels() > p.Student.Channels() && p.Kept == nil) {
						t.Errorf("%s and %s: lineage %q, kept %v", p.Teacher.Name, p.Student.Name, p.Lineage, p.Kept)
					}
				}
			})
		}
	}
}
