"""Adds to a report of ildc what the peers' reports have: python bench/peers/named.py PEER IMAGES LR SEED < REPORT.json"""

import json
import sys


def main():
    peer, images, lr, seed = sys.argv[1:]
    print(json.dumps({"peer": peer, "images": int(images), "lr": float(lr), "seed": int(seed), **json.load(sys.stdin)}, indent=2))


if __name__ == "__main__":
    main()
