"""Links the first images of each class to a folder of their own: python bench/subset.py CIFAR10 FOLDER IMAGES. The test part stays whole."""

import pathlib
import sys


def main():
    source, folder, images = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]), int(sys.argv[3])
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
