package distill

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/engine/enginetest"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/setting"
)

// perceptron is a small model of x [batch,4] → hidden [batch,width] → logits [batch,3], seeded.
func perceptron(width int, seed uint64) *graph.Graph {
	random := rand.New(rand.NewPCG(seed, 0))
	weights := func(dims ...int) *graph.Tensor {
		data := make([]float32, graph.Product(dims))
		for i := range data {
			data[i] = float32(random.NormFloat64())
		}
		return graph.FromFloat32(dims, data)
	}
	g := graph.New("perceptron")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	x := b.Input("x", graph.Float32, graph.Shape{graph.Sym("batch"), graph.D(4)})
	h := b.Op("MatMul", nil, x, b.Const("w1", weights(4, width)))
	h = b.Op("Relu", nil, b.Op("Add", nil, h, b.Const("b1", weights(width))))
	h = b.Rename(h, "hidden")
	y := b.Op("MatMul", nil, h, b.Const("w2", weights(width, 3)))
	b.Output(b.Rename(b.Op("Add", nil, y, b.Const("b2", weights(3))), "logits"))
	if err := b.Err(); err != nil {
		panic(err)
	}
	return g
}

// points is data whose labels are what the teacher says.
type points struct{ samples []dataset.Sample }

func (p points) Len() int                             { return len(p.samples) }
func (p points) Sample(i int) (dataset.Sample, error) { return p.samples[i], nil }
func (p points) Spec() dataset.Spec {
	return dataset.Spec{Features: []dataset.Feature{{Name: "x", DType: graph.Float32, Dims: []int{4}}}, Classes: 3}
}

func job(t *testing.T) Job {
	t.Helper()
	random := rand.New(rand.NewPCG(9, 9))
	teacher := perceptron(16, 1)
	x := graph.NewTensor(graph.Float32, 96, 4)
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(random.NormFloat64())
	}
	out, err := pass.Eval(teacher, map[string]*graph.Tensor{"x": x})
	if err != nil {
		t.Fatal(err)
	}
	var data points
	for i := range 96 {
		data.samples = append(data.samples, dataset.Sample{
			Features: []*graph.Tensor{graph.FromFloat32([]int{4}, x.Float32s()[i*4:][:4])},
			Label:    argmax(out["logits"].Float32s()[i*3:][:3]),
		})
	}
	bind, err := dataset.Bind(data.Spec(), teacher.Inputs, dataset.Preprocess{})
	if err != nil {
		t.Fatal(err)
	}
	return Job{
		Teacher: teacher, Student: perceptron(6, 2), Engine: enginetest.Reference{},
		Pairs:    []Pair{{Teacher: "hidden", Student: "hidden", Channel: 1}},
		Train:    points{data.samples[:64]},
		Bindings: []*dataset.Binding{bind}, Validation: points{data.samples[64:]},
		Options: Options{Batch: 16, Steps: 24, EvalEvery: 8, Seed: 5, CheckpointEvery: 1},
	}
}

func TestRunTeaches(t *testing.T) {
	j := job(t)
	r, err := j.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if *r.Teacher.Accuracy != 1 {
		t.Errorf("the teacher meets %v of its own labels", *r.Teacher.Accuracy)
	}
	if first, last := r.History[0].Losses["total"], r.History[len(r.History)-1].Losses["total"]; last >= first {
		t.Errorf("the loss rises from %v to %v", first, last)
	}
	if *r.Best.KL >= *r.Before.KL {
		t.Errorf("the divergence from the teacher rises from %v to %v", *r.Before.KL, *r.Best.KL)
	}
	if got := len(r.Losses); got != 3 {
		t.Errorf("%d terms: want kd, ce and hint", got)
	}
	before, after := j.Student.ByName(), r.Student.ByName()
	for _, name := range []string{"w1", "b1", "w2", "b2"} {
		if reflect.DeepEqual(before[name].Const.Data, after[name].Const.Data) {
			t.Errorf("%s was not trained", name)
		}
	}
	if before["w1"].Const != j.Student.ByName()["w1"].Const {
		t.Error("the given student was changed")
	}
}

// Fewer samples than a batch takes fill it by being there several times.
func TestFewSamplesFillABatch(t *testing.T) {
	j := job(t)
	j.Train = points{j.Train.(points).samples[:10]}
	j.Options.Batch = 32
	r, err := j.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.Batch != 32 || *r.Best.KL >= *r.Before.KL {
		t.Errorf("batches of %d; the divergence from the teacher was %v and is %v", r.Batch, *r.Before.KL, *r.Best.KL)
	}
}

// Where nothing is held out the last state is taken, whatever the one in between that is nearer to the teacher; but not
// where training has only made things worse.
func TestLastStateIsKept(t *testing.T) {
	j := job(t)
	j.Options.KeepLast = true
	r, err := j.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.BestStep != r.Steps {
		t.Errorf("the state of step %d of %d is kept", r.BestStep, r.Steps)
	}
	j.Student, _ = j.Teacher.Clone()
	j.Options.LearnRate = 10
	if r, err = j.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r.BestStep != 0 {
		t.Errorf("a student that was its teacher is given as it was after %d steps", r.BestStep)
	}
}

// A run that is stopped at any step and resumed ends in the same weights as one that is not.
func TestResumeIsExact(t *testing.T) {
	whole, err := job(t).Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, stop := range []int{1, 8, 11, 23} {
		j := job(t)
		j.Checkpoint = t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		j.Progress = func(p Progress) {
			if p.Step == stop {
				cancel()
			}
		}
		if _, err := j.Run(ctx); !errors.Is(err, ErrInterrupted) {
			t.Fatalf("stopped at step %d: %v", stop, err)
		}
		j.Progress, j.Resume = nil, true
		resumed, err := j.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range whole.Student.Initializers {
			if !slices.Equal(v.Const.Float32s(), resumed.Student.Initializers[i].Const.Float32s()) {
				t.Errorf("stopped at step %d: %s differs", stop, v.Name)
			}
		}
		if !reflect.DeepEqual(whole.History, resumed.History) {
			t.Errorf("stopped at step %d: the history differs", stop)
		}
	}
}

func TestResumeRefusesAnotherRun(t *testing.T) {
	j := job(t)
	j.Checkpoint, j.Options.Steps = t.TempDir(), 2
	if _, err := j.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Run(context.Background()); err == nil {
		t.Error("a checkpoint was about to be overwritten")
	}
	j.Resume, j.Options.LearnRate = true, 0.002
	if _, err := j.Run(context.Background()); err == nil {
		t.Error("a checkpoint of a run with another learning rate was taken")
	}
}

func TestTeacherNearChanceIsRefused(t *testing.T) {
	j := job(t)
	for i := range j.Validation.(points).samples {
		s := &j.Validation.(points).samples[i]
		s.Label = (s.Label + 1) % 3
	}
	if _, err := j.Run(context.Background()); !errors.Is(err, ErrTeacherNearChance) {
		t.Errorf("a teacher that meets no label: %v", err)
	}
	j.Force = true
	j.Options.Steps = 1
	if _, err := j.Run(context.Background()); err != nil {
		t.Errorf("with Force: %v", err)
	}
}

func TestBadJobs(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*Job)
	}{
		{"a negative batch", func(j *Job) { j.Options.Batch = -1 }},
		{"an unknown optimiser", func(j *Job) { j.Options.Optimiser.Name = "magic" }},
		{"a pair of a missing value", func(j *Job) { j.Pairs[0].Student = "nowhere" }},
		{"a pair without that channel axis", func(j *Job) { j.Pairs[0].Channel = 2 }},
		{"no loss", func(j *Job) { j.Options.Losses = loss.Weights{"hint": 1}; j.Pairs = nil }},
		{"a learning rate that diverges", func(j *Job) {
			j.Options.LearnRate, j.Options.Optimiser = 1e30, Optimiser{Name: "sgd"}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := job(t)
			c.spoil(&j)
			if _, err := j.Run(context.Background()); err == nil {
				t.Error("it ran")
			}
		})
	}
}

// TestFewLabels: samples without a label teach by the teacher's outputs; accuracy is of those that have one, and
// without any there is none.
func TestFewLabels(t *testing.T) {
	for _, labelled := range []int{96, 12, 0} {
		j := job(t)
		train, validation := j.Train.(points).samples, j.Validation.(points).samples
		for i := range train {
			if i >= labelled {
				train[i].Label = dataset.NoLabel
			}
		}
		for i := range validation {
			if labelled == 0 {
				validation[i].Label = dataset.NoLabel
			}
		}
		j.Options = Options{Steps: 40, Batch: 16, Losses: loss.Weights{"kd": 0.9, "ce": 0.1}}
		r, err := j.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if (r.Best.Accuracy != nil) != (labelled > 0) || r.Best.Agreement == nil {
			t.Errorf("%d labels: %+v", labelled, r.Best)
		}
		ce := r.History[len(r.History)-1].Losses["ce"]
		if (ce > 0) != (labelled > 0) {
			t.Errorf("%d labels: cross-entropy %g", labelled, ce)
		}
		if *r.Best.KL >= *r.Before.KL {
			t.Errorf("%d labels: KL %g before, %g after", labelled, *r.Before.KL, *r.Best.KL)
		}
	}
}

// normedJob distils the net of [normed], on data that its statistics are of, without labels.
func normedJob(t *testing.T, student *graph.Graph) Job {
	t.Helper()
	teacher := normed(t)
	random := rand.New(rand.NewPCG(7, 7))
	x := graph.NewTensor(graph.Float32, 48, 2, 5, 5)
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(2 + 0.5*random.NormFloat64())
	}
	data, err := dataset.FromTensors(nil, dataset.Array{Name: "x", Tensor: x})
	if err != nil {
		t.Fatal(err)
	}
	bind, err := dataset.Bind(data.Spec(), teacher.Inputs, dataset.Preprocess{})
	if err != nil {
		t.Fatal(err)
	}
	return Job{Teacher: teacher, Student: student, Engine: enginetest.Reference{}, Train: data, Validation: data,
		Bindings: []*dataset.Binding{bind}, Options: Options{Batch: 8, Steps: 3, Losses: loss.Weights{"kd": 1}}}
}

// The running statistics of a student, which removed channels have made wrong, are estimated anew before the first
// step. Of what they were, 50 batches at a momentum of 0.9 leave half a percent.
func TestStatisticsAreEstimatedAnew(t *testing.T) {
	spoiled := normed(t)
	for _, n := range spoiled.Nodes {
		if n.Op == "BatchNormalization" {
			mean := n.Inputs[3].Const.Values()
			for c := range mean {
				mean[c]++
			}
			n.Inputs[3].Const = graph.FromValues(graph.Float32, n.Inputs[3].Const.Dims, mean)
		}
	}
	j := normedJob(t, spoiled)
	e := Evaluation{Model: spoiled, Teacher: j.Teacher, Engine: j.Engine, Data: j.Validation, Bindings: j.Bindings}
	m, err := e.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	r, err := j.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	whole, err := normedJob(t, normed(t)).Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	before, want := *r.Before.RelativeL2, *whole.Before.RelativeL2
	if !(*m.RelativeL2 > 0.5) || !(math.Abs(before-want) < 0.05) {
		t.Errorf("relative L2 is %g as given, and %g before training: want about %g", *m.RelativeL2, before, want)
	}
}

// A net of layers with batch norm is trained, and its running statistics move along.
func TestNormedStudentIsTrained(t *testing.T) {
	student := normed(t)
	for _, v := range student.Initializers { // half of what the teacher has learnt
		if len(v.Const.Dims) == 4 {
			for i := range v.Const.Float32s() {
				v.Const.Float32s()[i] /= 1 + float32(i%2)
			}
		}
	}
	j := normedJob(t, student)
	j.Options.Steps, j.Options.EvalEvery = 100, 20
	r, err := j.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if *r.Best.RelativeL2 >= *r.Before.RelativeL2 || r.BestStep == 0 {
		t.Errorf("relative L2 goes from %g to %g", *r.Before.RelativeL2, *r.Best.RelativeL2)
	}
	was, is := student.ByName(), r.Student.ByName()
	for _, n := range student.Nodes {
		if n.Op != "BatchNormalization" {
			continue
		}
		for k := 1; k < 5; k++ {
			if name := n.Inputs[k].Name; slices.Equal(was[name].Const.Float32s(), is[name].Const.Float32s()) {
				t.Errorf("input %d of %s has not moved", k, n.Name)
			}
		}
	}
}

// A weight that a Constant node gives is trained as one that is an initializer.
func TestConstantsAreTrained(t *testing.T) {
	j := job(t)
	w1 := j.Student.ByName()["w1"]
	n := &graph.Node{Op: "Constant", Name: "w1", Attrs: graph.Attrs{"value": w1.Const}, Outputs: []*graph.Value{w1}}
	was := slices.Clone(w1.Const.Float32s())
	j.Student.Initializers = slices.DeleteFunc(j.Student.Initializers, func(v *graph.Value) bool { return v == w1 })
	w1.Producer, w1.Const = n, nil
	j.Student.Nodes = append([]*graph.Node{n}, j.Student.Nodes...)
	r, err := j.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Student.ByName()["w1"].Const; got == nil || slices.Equal(got.Float32s(), was) {
		t.Errorf("w1 is %v", got)
	}
}

// A duration becomes a number of steps once some have been timed.
func TestDuration(t *testing.T) {
	j := job(t)
	j.Options = Options{Batch: 16, Duration: 50 * time.Millisecond}
	var last Progress
	j.Progress = func(p Progress) { last = p }
	r, err := j.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.Steps <= timedSteps || last.Steps != r.Steps || last.Step != r.Steps {
		t.Errorf("%d steps were taken, and %d of %d reported", r.Steps, last.Step, last.Steps)
	}
}

// A damaged checkpoint is an error, and so is one of another version.
func TestBadCheckpoints(t *testing.T) {
	j := job(t)
	j.Checkpoint, j.Resume = t.TempDir(), true
	file := filepath.Join(j.Checkpoint, checkpointFile)
	if err := os.WriteFile(file, []byte("nonsense"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("nonsense: %v", err)
	}
	if err := (&checkpoint{Version: checkpointVersion + 1}).write(j.Checkpoint); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("another version: %v", err)
	}
	if _, err := restore([]saved{{"w", []int{3}, []float32{1}}}); err == nil {
		t.Error("a tensor with too few elements was read")
	}
}

// What would mend an error is named by the fields of options.
func TestErrorsNameSettings(t *testing.T) {
	near := job(t)
	for i := range near.Validation.(points).samples {
		s := &near.Validation.(points).samples[i]
		s.Label = (s.Label + 1) % 3
	}
	diverging := job(t)
	diverging.Options.LearnRate, diverging.Options.Optimiser = 1e30, Optimiser{Name: "sgd"}
	small := job(t)
	small.Memory = 1000
	for _, c := range []struct {
		name string
		job  Job
		want []string
	}{
		{"near chance", near, []string{"Scale", "Mean", "Std", "Layout", "Force"}},
		{"diverging", diverging, []string{"LearnRate", "Scale"}},
		{"too little memory", small, []string{"Batch", "Force"}},
	} {
		_, err := c.job.Run(context.Background())
		if got := setting.Fields(err); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v names %q, want %q", c.name, err, got, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "--") {
			t.Errorf("%s: %v speaks of flags", c.name, err)
		}
	}
}
