"""Links the first images of each class to a folder of their own: python bench/subset.py CIFAR10 FOLDER IMAGES. The test part stays whole.

Of a folder with train.npz and test.npz it takes the first samples.
"""

import pathlib
import sys


def main():
    source, folder, images = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    if (source / "train.npz").exists():
        import numpy as np

        folder.mkdir(parents=True, exist_ok=True)
        arrays = np.load(source / "train.npz")
        np.savez(folder / "train.npz", **{name: arrays[name][:images] for name in arrays})
        if not (folder / "test.npz").exists():
            (folder / "test.npz").symlink_to(source / "test.npz")
        return
    classes = sorted(p for p in (source / "train").iterdir() if p.is_dir())
    for part in classes:
        into = folder / "train" / part.name
        into.mkdir(parents=True, exist_ok=True)
        for image in sorted(part.iterdir())[: images // len(classes)]:
            if not (into / image.name).exists():
                (into / image.name).symlink_to(image)
    if not (folder / "test").exists():
        (folder / "test").symlink_to(source / "test")


if __name__ == "__main__":
    main()
