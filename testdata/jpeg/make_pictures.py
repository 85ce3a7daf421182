"""Writes small JPEG files, one for each way that Pillow subsamples chroma, and beside each what Pillow decodes of it, as PNG.

distill/dataset/chroma_test.go compares ildc's decoding with it. Pillow decodes with libjpeg-turbo.
"""

import pathlib

import numpy as np
from PIL import Image

SUBSAMPLING = {"444": 0, "422": 1, "420": 2}
HEIGHT, WIDTH = 13, 19  # odd, so that the last samples of chroma cover half as many pixels


def main():
    here = pathlib.Path(__file__).parent
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = [100 * np.sin(x / 2.3 + y / 5), 90 * np.cos(y / 1.9 - x / 7), 110 * np.sin((x + y) / 3.1)]
    pixels = 128 + np.stack(waves, -1) + random.normal(0, 12, (HEIGHT, WIDTH, 3))
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    for name, subsampling in SUBSAMPLING.items():
        picture.save(here / f"{name}.jpg", subsampling=subsampling, quality=92)
        Image.open(here / f"{name}.jpg").convert("RGB").save(here / f"{name}.png")


main()
