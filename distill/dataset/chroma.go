package dataset

import "image"

// JPEG files mostly hold their two chroma planes at half the size. How these are spread over the pixels again is left
// to the decoder, and small images show it: image/color repeats each sample, libjpeg, which the decoders of Pillow,
// torchvision, OpenCV and TensorFlow are, weighs the nearest ones by a triangle. Teachers were trained on what those
// decode, so that this is what a student is given, too.

// rgbOf gives the pixels of a decoded JPEG file, [H,W,3]. As decoders give it, it begins at (0, 0).
func rgbOf(m *image.YCbCr) []uint8 {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	cb, cr := upsampled(m, m.Cb), upsampled(m, m.Cr)
	rgb := make([]uint8, 0, 3*w*h)
	for y := range h {
		for x, luma := range m.Y[y*m.YStride:][:w] {
			red, green, blue := jfifToRGB(int(luma), int(cb[y*w+x])-128, int(cr[y*w+x])-128)
			rgb = append(rgb, red, green, blue)
		}
	}
	return rgb
}

// jfifToRGB is the conversion of JFIF 1.02, section 7, with 16 bits of fraction.
func jfifToRGB(y, cb, cr int) (red, green, blue uint8) {
	const half = 1 << 15
	clamped := func(v int) uint8 { return uint8(min(max(v, 0), 255)) }
	return clamped(y + (91881*cr+half)>>16),
		clamped(y + (-22554*cb-46802*cr+half)>>16),
		clamped(y + (116130*cb+half)>>16)
}

// axis says how an axis of a chroma plane lies over that of the image.
type axis struct {
	pixels int
	each   int // pixels for a sample
}

func (a axis) samples() int { return (a.pixels + a.each - 1) / a.each }

// at gives the two samples that pixel i is made of, and how many parts of [axis.parts] the first makes. Along an axis
// of half the size it is ¾ of the sample that it lies in and ¼ of the next one on its side; at the rim there is none,
// and of other ratios it is the one that it lies in.
func (a axis) at(i int) (near, far, part int) {
	near = i / a.each
	if a.each != 2 {
		return near, near, 1
	}
	return near, min(max(near+2*(i%2)-1, 0), a.samples()-1), 3
}

func (a axis) parts() int {
	if a.each == 2 {
		return 4
	}
	return 1
}

// upsampled spreads a chroma plane of an image over its pixels, [H,W]. What is left over in the division is rounded up
// and down in turns, so that the plane gets no brighter.
func upsampled(m *image.YCbCr, plane []uint8) []uint8 {
	across, down := axes(m)
	parts := across.parts() * down.parts()
	out := make([]uint8, 0, across.pixels*down.pixels)
	line := make([]int, across.samples())
	for y := range down.pixels {
		near, far, part := down.at(y)
		for i := range line {
			line[i] = part*int(plane[near*m.CStride+i]) + (down.parts()-part)*int(plane[far*m.CStride+i])
		}
		for x := range across.pixels {
			near, far, part := across.at(x)
			sum, half := part*line[near]+(across.parts()-part)*line[far], 0
			switch {
			case parts == 16:
				half = 8 - x%2
			case across.parts() == 4:
				half = 1 + x%2
			case down.parts() == 4:
				half = 1 + y%2
			}
			out = append(out, uint8((sum+half)/parts))
		}
	}
	return out
}

// axes are those of an image's chroma planes.
func axes(m *image.YCbCr) (across, down axis) {
	across, down = axis{m.Rect.Dx(), 1}, axis{m.Rect.Dy(), 1}
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
		across.each = 2
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		across.each = 4
	}
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio420, image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio410:
		down.each = 2
	}
	return across, down
}
