package dataset

import (
	"image"
	"image/color"
	"testing"
)

// TestResize compares with Pillow 13.0.0's Image.resize(…, BILINEAR) of the same pixels. Both filter in fixed point
// or float with other roundings, so that a level may be off by one.
func TestResize(t *testing.T) {
	b := bitmap{size{4, 6, 1}, make([]uint8, 24)}
	for y := range 4 {
		for x := range 6 {
			b.pixels[y*6+x] = uint8(37 * (y*6 + x) * (y + 2))
		}
	}
	for _, test := range []struct {
		h, w int
		want []int
	}{
		{2, 3, []int{83, 141, 128, 124, 111, 157}},
		{5, 8, []int{0, 46, 102, 157, 213, 108, 68, 114, 108, 58, 66, 141, 216, 130, 110, 172, 197, 118, 72, 89, 186, 123,
			124, 205,
			169, 157, 112, 62, 124, 122, 145, 196, 2, 118, 160, 107, 54, 161, 203, 159}},
	} {
		for _, channels := range []int{1, 3} {
			got := b.convert(channels).resize(test.h, test.w)
			if got.size != (size{test.h, test.w, channels}) || len(got.pixels) != len(test.want)*channels {
				t.Fatalf("%v with %d bytes", got.size, len(got.pixels))
			}
			for i, p := range got.pixels {
				if diff := int(p) - test.want[i/channels]; diff < -1 || diff > 1 {
					t.Errorf("%v: byte %d is %d: want %d", got.size, i, p, test.want[i/channels])
				}
			}
		}
	}
}

// TestGray compares with Pillow's Image.convert("L") of the same pixels.
func TestGray(t *testing.T) {
	b := bitmap{size{1, 5, 3}, []uint8{200, 10, 60, 0, 255, 0, 1, 2, 3, 255, 255, 255, 17, 90, 133}}
	for i, want := range []uint8{73, 150, 2, 255, 73} {
		if got := b.convert(1).pixels[i]; got != want {
			t.Errorf("pixel %d is %d: want %d", i, got, want)
		}
	}
}

// TestToBitmap checks each way to read pixels against the colours that package image itself gives.
func TestToBitmap(t *testing.T) {
	r := image.Rect(2, 1, 7, 5) // images need not begin at (0, 0)
	opaque, transparent, straight := image.NewRGBA(r), image.NewRGBA(r), image.NewNRGBA(r)
	gray8, gray16, palette := image.NewGray(r), image.NewGray16(r),
		image.NewPaletted(r, color.Palette{color.White, color.RGBA{9, 8, 7, 255}})
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			v := uint8(40*y + 3*x)
			opaque.SetRGBA(x, y, color.RGBA{v, v / 2, 9, 255})
			transparent.SetRGBA(x, y, color.RGBA{v / 2, v / 3, 9, 130})
			straight.SetNRGBA(x, y, color.NRGBA{v, v / 3, 9, 130})
			gray8.SetGray(x, y, color.Gray{v})
			gray16.SetGray16(x, y, color.Gray16{uint16(v)<<8 | 77})
			palette.SetColorIndex(x, y, v&1)
		}
	}
	for name, m := range map[string]image.Image{"opaque": opaque, "transparent": transparent, "straight": straight,
		"gray": gray8, "gray16": gray16, "palette": palette, "part": straight.SubImage(image.Rect(3, 2, 6, 4)),
		"gray part": gray8.SubImage(image.Rect(3, 2, 6, 4))} {
		b := toBitmap(m)
		r := m.Bounds()
		if b.h != r.Dy() || b.w != r.Dx() || int64(len(b.pixels)) != b.bytes() {
			t.Fatalf("%s: %v with %d bytes", name, b.size, len(b.pixels))
		}
		for y := range b.h {
			for x := range b.w {
				want := color.NRGBAModel.Convert(m.At(r.Min.X+x, r.Min.Y+y)).(color.NRGBA)
				p := b.pixels[(y*b.w+x)*b.c:]
				if b.c == 1 && p[0] != want.R || b.c == 3 && [3]uint8(p[:3]) != [3]uint8{want.R, want.G, want.B} {
					t.Errorf("%s: pixel (%d,%d) is %v: want %v", name, y, x, p[:b.c], want)
				}
			}
		}
	}
}
