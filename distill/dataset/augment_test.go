package dataset

import (
	"reflect"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
)

func TestViews(t *testing.T) {
	m := graph.FromValues(graph.Uint8, []int{2, 3, 1}, []float64{1, 2, 3, 4, 5, 6})
	for _, test := range []struct {
		name string
		v    view
		want []uint8
	}{
		{"as it is", view{}, []uint8{1, 2, 3, 4, 5, 6}},
		{"flip x", view{flipX: true}, []uint8{3, 2, 1, 6, 5, 4}},
		{"flip y", view{flipY: true}, []uint8{4, 5, 6, 1, 2, 3}},
		{"crop to the right", view{dx: 1}, []uint8{2, 3, 0, 5, 6, 0}},
		{"crop to the left", view{dx: -2}, []uint8{0, 0, 1, 0, 0, 4}},
		{"crop down", view{dy: 1}, []uint8{4, 5, 6, 0, 0, 0}},
		{"crop away", view{dy: -2}, []uint8{0, 0, 0, 0, 0, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.v.apply(m).Data.([]uint8); !slices.Equal(got, test.want) {
				t.Errorf("%v: want %v", got, test.want)
			}
			f := graph.FromValues(graph.Float32, m.Dims, m.Values())
			if got := test.v.apply(f).Values(); !slices.Equal(got, graph.FromValues(graph.Uint8, m.Dims, got).Values()) ||
				uint8(got[0]) != test.want[0] {
				t.Errorf("float32: %v: want %v", got, test.want)
			}
		})
	}
	if !reflect.DeepEqual(m.Values(), []float64{1, 2, 3, 4, 5, 6}) {
		t.Error("the stored image has changed")
	}
}

// TestDraw checks that every view comes up, and as often as it should: of 4000 draws each of 4 flips is expected 1000
// times and each of 25 crops 160 times; the bounds are 5 standard deviations away, and the seed is fixed.
func TestDraw(t *testing.T) {
	flips, crops := map[view]int{}, map[view]int{}
	for i := range 4000 {
		v := Augment{FlipX: true, FlipY: true, Pad: 2}.draw(stream(0, 0, i))
		flips[view{flipX: v.flipX, flipY: v.flipY}]++
		crops[view{dx: v.dx, dy: v.dy}]++
	}
	if len(flips) != 4 || len(crops) != 25 {
		t.Fatalf("%d flips, %d crops: want 4, 25", len(flips), len(crops))
	}
	for v, n := range flips {
		if n < 1000-137 || n > 1000+137 {
			t.Errorf("%+v: %d times", v, n)
		}
	}
	for v, n := range crops {
		if n < 160-62 || n > 160+62 || v.dx < -2 || v.dx > 2 {
			t.Errorf("%+v: %d times", v, n)
		}
	}
	for i := range 100 {
		if v := (Augment{}).draw(stream(0, 0, i)); v != (view{}) {
			t.Errorf("no augmentation gives %+v", v)
		}
	}
}

func TestAugmentRoundTrip(t *testing.T) {
	for text, want := range map[string]Augment{
		"": {}, "none": {NoMixup: true}, "flip": {FlipX: true}, "crop=4": {Pad: 4},
		"flip,mixup=0.2": {FlipX: true, Mixup: 0.2}, "flip,mixup=0": {FlipX: true, NoMixup: true},
		"flip,flip-y,crop=2": {FlipX: true, FlipY: true, Pad: 2},
	} {
		got, err := ParseAugment(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v: want %+v", text, got, err, want)
		}
		if again, err := ParseAugment(got.String()); err != nil || again != got {
			t.Errorf("%q: %+v, %v: want %+v", got, again, err, got)
		}
	}
	for _, text := range []string{"turn", "crop=-1", "crop=", "crop=x", "flip,", "mixup=-1", "mixup=101", "mixup=NaN"} {
		if _, err := ParseAugment(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
