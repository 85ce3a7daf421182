package dataset

import (
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // registers the format, as do those below
	_ "image/png"
	"io"
	"os"

	_ "golang.org/x/image/bmp"
	"golang.org/x/image/draw"
)

// maxPixels bounds height × width of an image that is read.
const maxPixels = 1 << 26

// size is that of an image: height, width, channels.
type size struct{ h, w, c int }

func (s size) dims() []int    { return []int{s.h, s.w, s.c} }
func (s size) bytes() int64   { return int64(s.h) * int64(s.w) * int64(s.c) }
func (s size) String() string { return fmt.Sprintf("%d×%d×%d", s.h, s.w, s.c) }

// or takes from t what s leaves open.
func (s size) or(t size) size {
	if s.h == 0 {
		s.h, s.w = t.h, t.w
	}
	if s.c == 0 {
		s.c = t.c
	}
	return s
}

func (o Options) size() size { return size{o.Height, o.Width, o.Channels} }

// bitmap holds the bytes of an image, [H,W,C] with C 1 (gray) or 3 (RGB).
type bitmap struct {
	size
	pixels []uint8
}

// imageSize reads an image's size from its header. Any model but gray ones has 3 channels.
func imageSize(path string) (size, error) {
	f, err := os.Open(path)
	if err != nil {
		return size{}, err
	}
	defer f.Close()
	return headerSize(f)
}

func headerSize(r io.Reader) (size, error) {
	c, _, err := image.DecodeConfig(r)
	if err != nil {
		return size{}, err
	}
	if c.Width < 1 || c.Height < 1 || int64(c.Width)*int64(c.Height) > maxPixels {
		return size{}, fmt.Errorf("%d×%d pixels: the limit is %d together", c.Height, c.Width, maxPixels)
	}
	s := size{c.Height, c.Width, 3}
	if c.ColorModel == color.GrayModel || c.ColorModel == color.Gray16Model {
		s.c = 1
	}
	return s, nil
}

// readImage decodes a file of at most maxPixels, without its alpha channel.
func readImage(path string) (bitmap, error) {
	f, err := os.Open(path)
	if err != nil {
		return bitmap{}, err
	}
	defer f.Close()
	if _, err := headerSize(f); err != nil {
		return bitmap{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return bitmap{}, err
	}
	m, _, err := image.Decode(f)
	if err != nil {
		return bitmap{}, err
	}
	return toBitmap(m), nil
}

func toBitmap(m image.Image) bitmap {
	r := m.Bounds()
	b := bitmap{size: size{r.Dy(), r.Dx(), 3}}
	switch m := m.(type) {
	case *image.Gray:
		b.c = 1
		b.pixels = make([]uint8, 0, b.bytes())
		for y := range b.h {
			b.pixels = append(b.pixels, m.Pix[y*m.Stride:][:b.w]...)
		}
	case *image.Gray16: // big-endian: the first byte is the one to keep
		b.c = 1
		b.pixels = make([]uint8, 0, b.bytes())
		for y := range b.h {
			for x := range b.w {
				b.pixels = append(b.pixels, m.Pix[y*m.Stride+2*x])
			}
		}
	case *image.NRGBA:
		b.pixels = dropAlpha(m.Pix, m.Stride, b.size)
	case *image.RGBA:
		if m.Opaque() {
			b.pixels = dropAlpha(m.Pix, m.Stride, b.size)
			break
		}
		b.pixels = convertPixels(m)
	case *image.YCbCr:
		b.pixels = rgbOf(m)
	default:
		b.pixels = convertPixels(m)
	}
	return b
}

// dropAlpha leaves out every fourth byte.
func dropAlpha(pix []uint8, stride int, s size) []uint8 {
	rgb := make([]uint8, 0, s.bytes())
	for y := range s.h {
		for line := pix[y*stride:][:4*s.w]; len(line) > 0; line = line[4:] {
			rgb = append(rgb, line[:3]...)
		}
	}
	return rgb
}

// convertPixels reads the colours of an image of any model, one by one.
func convertPixels(m image.Image) []uint8 {
	var rgb []uint8
	r := m.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			p := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			rgb = append(rgb, p.R, p.G, p.B)
		}
	}
	return rgb
}

// as gives the image resized and with other channels.
func (b bitmap) as(want size) bitmap { return b.resize(want.h, want.w).convert(want.c) }

// convert makes gray by the luma of ITU-R BT.601, Y = 0.299 R + 0.587 G + 0.114 B, and RGB by repetition.
func (b bitmap) convert(channels int) bitmap {
	if b.c == channels {
		return b
	}
	out := bitmap{size: size{b.h, b.w, channels}}
	out.pixels = make([]uint8, 0, out.bytes())
	if channels == 3 {
		for _, y := range b.pixels {
			out.pixels = append(out.pixels, y, y, y)
		}
		return out
	}
	for p := b.pixels; len(p) >= 3; p = p[3:] {
		y := 19595*uint32(p[0]) + 38470*uint32(p[1]) + 7471*uint32(p[2]) // 16 bits of fraction
		out.pixels = append(out.pixels, uint8((y+1<<15)>>16))
	}
	return out
}

// resize is bilinear; shrinking averages over all the pixels that a new one covers.
func (b bitmap) resize(h, w int) bitmap {
	if b.h == h && b.w == w {
		return b
	}
	from, to := image.Rect(0, 0, b.w, b.h), image.Rect(0, 0, w, h)
	out := bitmap{size: size{h, w, b.c}}
	if b.c == 1 {
		dst := image.NewGray(to)
		draw.BiLinear.Scale(dst, to, &image.Gray{Pix: b.pixels, Stride: b.w, Rect: from}, from, draw.Src, nil)
		out.pixels = dst.Pix
		return out
	}
	src, dst := image.NewRGBA(from), image.NewRGBA(to)
	for i := range b.h * b.w {
		copy(src.Pix[4*i:], b.pixels[3*i:3*i+3])
		src.Pix[4*i+3] = 255
	}
	draw.BiLinear.Scale(dst, to, src, from, draw.Src, nil)
	out.pixels = make([]uint8, 0, out.bytes())
	for i := range h * w {
		out.pixels = append(out.pixels, dst.Pix[4*i:4*i+3]...)
	}
	return out
}
