package dataset

import (
	"image"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestAgainstPillow compares decoded JPEG files with what Pillow makes of them. The two round the inverse cosine
// transform apart, by one step now and then in each of three planes, and blue takes 1.8 times what Cb is off.
func TestAgainstPillow(t *testing.T) {
	const most, mean = 3, 0.1
	for _, name := range []string{"444", "422", "420"} {
		got, err := readImage("../../testdata/jpeg/" + name + ".jpg")
		if err != nil {
			t.Fatal(err)
		}
		want, err := readImage("../../testdata/jpeg/" + name + ".png")
		if err != nil {
			t.Fatal(err)
		}
		if got.size != want.size {
			t.Fatalf("%s: %v: want %v", name, got.size, want.size)
		}
		worst, sum := 0, 0
		for i, v := range got.pixels {
			off := max(int(v)-int(want.pixels[i]), int(want.pixels[i])-int(v))
			worst, sum = max(worst, off), sum+off
		}
		if average := float64(sum) / float64(len(got.pixels)); worst > most || average > mean {
			t.Errorf("%s: pixels are off by %d, %.2f in the mean: want at most %d, %g", name, worst, average, most, mean)
		}
	}
}

// TestChromaByAxis checks that rows are treated as columns are: what photographs turned by a quarter hold.
func TestChromaByAxis(t *testing.T) {
	const w, h = 7, 6
	wide := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio422)
	tall := image.NewYCbCr(image.Rect(0, 0, h, w), image.YCbCrSubsampleRatio440)
	r := rand.New(rand.NewPCG(1, 2))
	for y := range h {
		for x := range (w + 1) / 2 {
			v := uint8(r.IntN(256))
			wide.Cb[y*wide.CStride+x], tall.Cb[x*tall.CStride+y] = v, v
		}
	}
	got, turned := upsampled(tall, tall.Cb), upsampled(wide, wide.Cb)
	for x := range w {
		for y := range h {
			if got[x*h+y] != turned[y*w+x] {
				t.Fatalf("pixel (%d, %d) is %d, and %d where the image is turned", x, y, turned[y*w+x], got[x*h+y])
			}
		}
	}
}

// TestChromaRepeated checks that other ratios repeat samples, as libjpeg does.
func TestChromaRepeated(t *testing.T) {
	m := image.NewYCbCr(image.Rect(0, 0, 6, 2), image.YCbCrSubsampleRatio411)
	copy(m.Cb, []uint8{10, 90})
	copy(m.Cb[m.CStride:], []uint8{30, 50})
	if got, want := upsampled(m, m.Cb), []uint8{10, 10, 10, 10, 90, 90, 30, 30, 30, 30, 50, 50}; !slices.Equal(got, want) {
		t.Errorf("%v: want %v", got, want)
	}
}
