package study

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/pipeline"
	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/internal/shared"
	"github.com/ildc/ildc/models"
)

// idle is an engine that runs nothing: what goes on without an error has not been trained.
type idle struct{ name, version string }

var errIdle = errors.New("it runs nothing")

func (e idle) Name() string     { return e.name }
func (e idle) Version() string  { return e.version }
func (e idle) Native() []string { return nil }
func (e idle) Compile(context.Context, *engine.Step, engine.Options) (engine.Program, error) {
	return nil, errIdle
}

// images are some of 8 × 8, of two classes that differ in brightness. They are paler by shade.
func images(t *testing.T, n int, shade float32) dataset.Dataset {
	t.Helper()
	pixels, labels := make([]float32, n*64), make([]int, n)
	for i := range labels {
		labels[i] = i % 2
		for k := range 64 {
			pixels[i*64+k] = float32((i*7+k*3)%11)/11 + float32(labels[i]) + shade
		}
	}
	x := &graph.Tensor{DType: graph.Float32, Dims: []int{n, 1, 8, 8}, Data: pixels}
	ds, err := dataset.FromTensors(labels, dataset.Array{Name: "x", Tensor: x})
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

// small is a job of one step with the small teacher.
func small(t *testing.T, e engine.Engine) pipeline.Job {
	t.Helper()
	budget, err := models.ParseBudget("macs=0.5x")
	if err != nil {
		t.Fatal(err)
	}
	j := pipeline.Job{
		Teacher: pipeline.Source{Path: shared.Testdata(t, "digits/small.onnx")},
		Choice:  pipeline.Choice{Asked: "macs=0.5x", Budget: budget},
		Train:   distill.Options{Steps: 1, Batch: 8},
		Host:    pipeline.Host{Engine: e},
		Force:   true, // the teacher knows nothing of these images
	}
	j.Data.Train, j.Data.Test = images(t, 24, 0), images(t, 8, 0)
	return j
}

func TestKeyTellsRunsApart(t *testing.T) {
	other := pipeline.Source{Path: shared.Testdata(t, "digits/small_folded.onnx")}
	changes := map[string]func(*pipeline.Job){
		"nothing":                             func(j *pipeline.Job) {},
		"the teacher":                         func(j *pipeline.Job) { j.Teacher = other },
		"a student":                           func(j *pipeline.Job) { j.Student = other },
		"the training data":                   func(j *pipeline.Job) { j.Data.Train = images(t, 24, 1) },
		"fewer of them":                       func(j *pipeline.Job) { j.Data.Train = images(t, 23, 0) },
		"the test data":                       func(j *pipeline.Job) { j.Data.Test = images(t, 8, 1) },
		"no test data":                        func(j *pipeline.Job) { j.Data.Test = nil },
		"data of a path":                      func(j *pipeline.Job) { j.Data.Train, j.Data.Path = nil, "a" },
		"data of another path":                func(j *pipeline.Job) { j.Data.Train, j.Data.Path = nil, "b" },
		"preprocessing":                       func(j *pipeline.Job) { j.Data.Preprocess.Scale = 2 },
		"preprocessing by channel":            func(j *pipeline.Job) { j.Data.Preprocess.Mean = []float64{0, 1} },
		"preprocessing by channels turned":    func(j *pipeline.Job) { j.Data.Preprocess.Mean = []float64{1, 0} },
		"the student's preprocessing":         func(j *pipeline.Job) { j.Data.Student = &dataset.Preprocess{Scale: 2} },
		"the student's preprocessing is none": func(j *pipeline.Job) { j.Data.Student = &dataset.Preprocess{} },
		"augmentation":                        func(j *pipeline.Job) { j.Data.Augment.FlipX = true },
		"the validation part":                 func(j *pipeline.Job) { j.Data.Validation = 0.2 },
		"the seed":                            func(j *pipeline.Job) { j.Train.Seed = 1 },
		"the seed of the data's split":        func(j *pipeline.Job) { j.Data.Open.Seed = 1 },
		"the batch":                           func(j *pipeline.Job) { j.Train.Batch = 9 },
		"the steps":                           func(j *pipeline.Job) { j.Train.Steps = 2 },
		"the losses":                          func(j *pipeline.Job) { j.Train.Losses = loss.Weights{"kd": 1} },
		"their weights":                       func(j *pipeline.Job) { j.Train.Losses = loss.Weights{"kd": 2} },
		"what they end at":                    func(j *pipeline.Job) { j.Train.FinalLosses = loss.Weights{"hint": 2} },
		"that they end at nothing":            func(j *pipeline.Job) { j.Train.FinalLosses = loss.Weights{"hint": 0} },
		"that others end at nothing":          func(j *pipeline.Job) { j.Train.FinalLosses = loss.Weights{"kd": 0} },
		"the optimiser":                       func(j *pipeline.Job) { j.Train.Optimiser.Name = "sgd" },
		"the learning rate":                   func(j *pipeline.Job) { j.Train.LearnRate = 0.5 },
		"random weights":                      func(j *pipeline.Job) { j.Choice.Random = true },
		"the budget":                          func(j *pipeline.Job) { j.Choice.Asked = "macs=0.25x" },
		"nodes that stay":                     func(j *pipeline.Job) { j.Choice.Keep = []string{"conv1"} },
		"importance":                          func(j *pipeline.Job) { j.Choice.Importance = models.L2 },
		"the way to shrink":                   func(j *pipeline.Job) { j.Choice.Shrink = models.Depth },
		"pairs":                               func(j *pipeline.Job) { j.Wishes.Pairs = []string{"a:b"} },
		"pairs that must not be":              func(j *pipeline.Job) { j.Wishes.NoPairs = []string{"a:b"} },
		"the engine":                          func(j *pipeline.Job) { j.Host.Engine = idle{"other", "1"} },
		"its version":                         func(j *pipeline.Job) { j.Host.Engine = idle{"idle", "2"} },
		"its threads":                         func(j *pipeline.Job) { j.Host.Options.Threads = 3 },
		"its device":                          func(j *pipeline.Job) { j.Host.Options.Device = "cuda" },
	}
	names := map[string]string{}
	for what, change := range changes {
		j := small(t, idle{"idle", "1"})
		change(&j)
		name, err := key(j)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if len(name) != 16 || strings.Trim(name, "0123456789abcdef") != "" {
			t.Errorf("%s: the name is %q", what, name)
		}
		if twin, twice := names[name]; twice {
			t.Errorf("%s and %s have one name", what, twin)
		}
		names[name] = what
	}
}

func TestKeyIsTheSame(t *testing.T) {
	teacher, err := os.ReadFile(shared.Testdata(t, "digits/small.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.onnx")
	if err := os.WriteFile(copied, teacher, 0o644); err != nil {
		t.Fatal(err)
	}
	want, err := key(small(t, idle{"idle", "1"}))
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*pipeline.Job){
		"nothing":                    func(j *pipeline.Job) {},
		"the teacher as bytes":       func(j *pipeline.Job) { j.Teacher = pipeline.Source{Bytes: teacher} },
		"the teacher elsewhere":      func(j *pipeline.Job) { j.Teacher.Path = copied },
		"the same data again":        func(j *pipeline.Job) { j.Data.Train = images(t, 24, 0) },
		"the cache of data":          func(j *pipeline.Job) { j.Data.Cache = "cache" },
		"an output":                  func(j *pipeline.Job) { j.Output, j.Overwrite = "student.onnx", true },
		"a checkpoint":               func(j *pipeline.Job) { j.Checkpoint, j.Resume = "checkpoint", true },
		"what a step may take":       func(j *pipeline.Job) { j.Host.Memory = 1 << 30 },
		"whether chance is accepted": func(j *pipeline.Job) { j.Force = false },
		"who is told":                func(j *pipeline.Job) { j.Host.Progress = func(distill.Progress) {} },
		"who logs":                   func(j *pipeline.Job) { j.Host.Logger = slog.New(slog.DiscardHandler) },
		"final losses of none":       func(j *pipeline.Job) { j.Train.FinalLosses = loss.Weights{} },
	} {
		j := small(t, idle{"idle", "1"})
		change(&j)
		if got, err := key(j); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", what, got, err, want)
		}
	}
	j := small(t, idle{"idle", "1"})
	j.Teacher.Path = filepath.Join(t.TempDir(), "missing.onnx")
	if _, err := key(j); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a teacher that is not there gives %v", err)
	}
}

func TestWithoutZeros(t *testing.T) {
	object := func(pairs ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return m
	}
	got := withoutZeros(object("a", 0.0, "b", "", "c", nil, "d", false, "e", object("f", object()),
		"g", object("h", 1.0, "i", 0.0), "j", []any{0.0, false}))
	if want := object("g", object("h", 1.0), "j", []any{0.0, false}); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := withoutZeros(object("a", 0.0)); got != nil {
		t.Errorf("%v of nothing but zeros", got)
	}
}

// plan is a study of two arms and two seeds in a new folder.
func plan(t *testing.T, e engine.Engine) Plan {
	t.Helper()
	arms, err := ParseArms([]string{"kd", "scratch"})
	if err != nil {
		t.Fatal(err)
	}
	return Plan{Job: small(t, e), Arms: arms, Seeds: 2, Folder: filepath.Join(t.TempDir(), "new", "folder")}
}

// plant writes a result for each run of a plan, and gives their files.
func plant(t *testing.T, p Plan) (files []string) {
	t.Helper()
	if err := os.MkdirAll(p.Folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(p.Seeds) {
		for i, a := range p.Arms {
			j := a.of(p.Job)
			j.Train.Seed, j.Data.Open.Seed = seed, seed
			name, err := key(j)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(p.Folder, name+".json")
			run := made(a.Name, []float64{0.5 - 0.1*float64(i) + 0.01*float64(seed)}, []float64{2}).Runs[0]
			run.Seed = seed
			if err := report.WriteJSON(file, run); err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
	}
	return files
}

// Results that the folder has are taken as they are.
func TestRunTakesWhatIsThere(t *testing.T) {
	p := plan(t, idle{"idle", "1"})
	plant(t, p)
	p.Started = func(int, int, string, uint64) { t.Error("a run is started that the folder has a result of") }
	s, err := Run(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Arms) != 2 || s.Budget != "macs=0.5x" {
		t.Errorf("%+v", s)
	}
	for i, a := range s.Arms {
		if arm := p.Arms[i]; a.Name != arm.Name || a.Losses != arm.losses.String() || a.About != arm.about {
			t.Errorf("arm %d: %+v", i, a)
		}
		for seed, r := range a.Runs {
			want := 0.5 - 0.1*float64(i) + 0.01*float64(seed)
			if r.Arm != a.Name || r.Seed != uint64(seed) || *r.Student.Metrics.Accuracy != want {
				t.Errorf("run %d of arm %s is %s of seed %d, %v", seed, a.Name, r.Arm, r.Seed, r.Student.Metrics)
			}
		}
	}
}

func TestRunRefusesDamagedResults(t *testing.T) {
	for what, text := range map[string]string{
		"cut": `{"arm": "kd"`, "empty": "", "nothing": "null", "no metrics": `{"arm": "kd", "seed": 0}`,
	} {
		t.Run(what, func(t *testing.T) {
			p := plan(t, idle{"idle", "1"})
			damaged := plant(t, p)[1]
			if err := os.WriteFile(damaged, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Run(context.Background(), p)
			for _, want := range []string{"arm scratch, seed 0", damaged, "damaged", "remove it"} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("the error has no %s: %v", want, err)
				}
			}
		})
	}
}

func TestRunErrors(t *testing.T) {
	t.Run("a result that cannot be read", func(t *testing.T) {
		p := plan(t, idle{"idle", "1"})
		file := plant(t, p)[0]
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(file, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(context.Background(), p); err == nil || !strings.Contains(err.Error(), "arm kd, seed 0") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a folder that is a file", func(t *testing.T) {
		p := plan(t, idle{"idle", "1"})
		p.Folder = shared.Testdata(t, "digits/small.onnx")
		if _, err := Run(context.Background(), p); err == nil || !strings.Contains(err.Error(), "small.onnx") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a teacher that is not there", func(t *testing.T) {
		p := plan(t, idle{"idle", "1"})
		p.Job.Teacher.Path = "missing.onnx"
		if _, err := Run(context.Background(), p); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v", err)
		}
	})
	t.Run("an engine that runs nothing", func(t *testing.T) {
		p := plan(t, idle{"idle", "1"})
		file := plant(t, p)[2]
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		_, err := Run(context.Background(), p)
		if !errors.Is(err, errIdle) || !strings.Contains(err.Error(), "arm kd, seed 1") {
			t.Errorf("%v", err)
		}
		if _, err := os.Stat(file); err == nil {
			t.Error("a run that failed has a result")
		}
	})
}

// A run that is missing is trained, and read back the next time.
func TestRunTrains(t *testing.T) {
	p := plan(t, embedded.New())
	files := plant(t, p)
	if err := os.Remove(files[2]); err != nil {
		t.Fatal(err)
	}
	var started []any
	p.Started = func(run, runs int, arm string, seed uint64) { started = append(started, run, runs, arm, seed) }
	p.Job.Output = filepath.Join(t.TempDir(), "not.onnx") // the study's own matter
	checkpoint := strings.TrimSuffix(files[2], ".json") + ".checkpoint"
	if err := os.Mkdir(checkpoint, 0o755); err != nil { // as left by a run that was stopped before its first one
		t.Fatal(err)
	}
	first, err := Run(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if want := []any{3, 4, "kd", uint64(1)}; !reflect.DeepEqual(started, want) {
		t.Errorf("started %v, want %v", started, want)
	}
	student := strings.TrimSuffix(files[2], ".json") + ".onnx"
	if r := first.Arms[0].Runs[1]; r.Student.Path != student || r.Steps != 1 || r.Seed != 1 {
		t.Errorf("run %+v of student %s", r.Student, student)
	}
	if _, err := os.Stat(student); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(checkpoint); err == nil {
		t.Error("the checkpoint is left")
	}
	if _, err := os.Stat(p.Job.Output); err == nil {
		t.Error("the study wrote the output of the job")
	}
	started = nil
	second, err := Run(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if len(started) > 0 || !reflect.DeepEqual(first, second) {
		t.Errorf("started %v; %+v, then %+v", started, first, second)
	}
}
