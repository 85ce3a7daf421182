package ildc_test

import (
	"maps"
	"slices"
	"testing"
)

const module = "github.com/ildc/ildc"

// none stands below a package that imports none of the module's, and for the importers of one that none may import.
const none = "NONE"

// policy says which package may import which. "a, b < c" means that c may import a and b, and what they may import; "."
// is the module's root. Each package of the module stands here, and no other; each pair "a < c" is an import that there
// is. Tests may import any package.
const policy = `
	# What a graph is, what an op means, what can be told of a whole graph. Everything else stands on these.
	NONE < graph < graph/op < graph/pass

	# An error names the settings that would mend it, by their fields.
	NONE < internal/setting < models, layermatch, distill/dataset, distill/engine/ort/library
	internal/setting < distill/engine/ort, internal/engines

	# What tests read, and where it is. Only tests import it.
	NONE < internal/shared

	# ONNX's messages know no graph: translating is the importer's and the exporter's work.
	NONE < internal/onnxpb
	graph, internal/onnxpb < importer, exporter

	# Apart from the importer, so that only who asks for the cross-check links onnx-go.
	graph < importer/onnxgo

	# Making a student and aligning it are separate, so that students made by others can be aligned. Neither runs anything
	# itself: activations come in as a function.
	graph/pass < models
	graph/op < layermatch

	# Data are named tensors; losses are graphs; an engine runs graphs; none of them knows what training is.
	graph < distill/dataset, distill/loss
	graph/pass < distill/engine < distill/engine/enginetest, distill/engine/embedded
	distill/engine, exporter < distill/engine/ort

	# ONNX Runtime's library is found and installed without what runs it, in builds without cgo, too.
	NONE < distill/engine/ort/library < distill/engine/ort

	# The arithmetic on slices of one engine.
	NONE < distill/engine/embedded/internal/kernel < distill/engine/embedded

	# Training knows engines by their interface only.
	exporter, distill/dataset, distill/engine, distill/loss < distill
	importer, distill/dataset, distill/engine < golden

	# What memory there is. Which engine is wanted, and why it is that one. What calls have reached, as JSON and as text.
	NONE < internal/machine
	distill/engine/embedded, distill/engine/ort < internal/engines
	models, layermatch, distill < internal/report

	# The stages; what takes them many times, or times them; the facade, which hands on; the command.
	golden, distill/engine/embedded, internal/report, internal/machine, internal/setting < internal/pipeline
	internal/pipeline < internal/study, internal/bench
	internal/engines, internal/study, internal/bench < .
	importer/onnxgo, internal/setting, . < cmd/ildc
`

// dependencies says which packages may import which other modules, and each that is listed does. What p may import, its
// tests may; "p_test" stands for the tests alone. No other modules are imported. A package of the standard library that
// is listed may be imported by those packages only.
const dependencies = `
	# A file format is read and written in one place.
	google.golang.org/protobuf: internal/onnxpb, exporter_test
	github.com/owulveryck/onnx-go: importer/onnxgo
	github.com/sbinet/npyio: distill/dataset
	golang.org/x/image: distill/dataset

	# Gorgonia runs steps in one engine, and its autodiff is the oracle of the gradient pass. Its ops say their types in
	# hm's terms, and its tensors are how onnx-go gives weights.
	gorgonia.org/gorgonia: distill/engine/embedded, graph/pass_test
	gorgonia.org/tensor: distill/engine/embedded, graph/pass_test, importer/onnxgo
	go4.org/unsafe/assume-no-moving-gc: distill/engine/embedded, graph/pass_test
	github.com/chewxy/hm: distill/engine/embedded
	gonum.org/v1/gonum: importer/onnxgo, internal/study, distill_test
	github.com/viterin/vek: distill/engine/embedded/internal/kernel
	golang.org/x/sys: distill/engine/embedded/internal/kernel

	# ONNX Runtime needs cgo, which a build must be able to do without.
	github.com/yalue/onnxruntime_go: distill/engine/ort
	C: NONE

	# What a person at a prompt sees is the command's. A library prints nothing, and fetches nothing but ONNX Runtime
	# when it is asked to.
	github.com/spf13/cobra: cmd/ildc
	github.com/spf13/pflag: cmd/ildc
	github.com/schollz/progressbar/v3: cmd/ildc
	flag: internal/report_test
	log: NONE
	net/http: distill/engine/ort/library
`

func TestImports(t *testing.T) {
	pairs, rules := parseRules(t, policy, dependencies)
	packages := parsePackages(t)
	for _, p := range append(violations(pairs, rules, packages), leftovers(pairs, rules, packages)...) {
		t.Error(p)
	}
}

func TestPackageComments(t *testing.T) {
	packages := parsePackages(t)
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		p := packages[name]
		want := []string{"doc.go"}
		if p.command {
			want = []string{"main.go"}
		}
		if p.files > 0 && !slices.Equal(p.doc, want) {
			t.Errorf("package %s: files with a package comment: %q, want %q", name, p.doc, want)
		}
	}
}
