"""Trains a small BERT-like classifier of sentences on SST-2, and exports it: python make_teacher.py [--data FOLDER]

Writes teacher.onnx (inputs input_ids and attention_mask, int64 [batch,sequence]; output logits [batch,2]) and vocabulary.txt (a word a line; the number of a
line, from 0 on, is the word's token) beside this file. The sentences lie in ../../../shared/data/sst2, a tab and the label behind each. With --data it writes
them as the model's inputs, FOLDER/train.npz and FOLDER/test.npz, instead.
"""

import collections
import math
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

HERE = pathlib.Path(__file__).parent
DATA = HERE / "../../../shared/data/sst2"
PAD, CLS, UNKNOWN = range(3)  # lines of the vocabulary
LENGTH, WIDTH, HEADS, LAYERS, INNER = 40, 64, 4, 4, 256
LEAST = 5  # times that a word of the vocabulary occurs in the training sentences
EPOCHS, BATCH, RATE = 10, 32, 1e-3
DROPPED = 0.15  # of the words of a training sentence become unknown ones


def read(part):
    for line in (DATA / f"{part}.tsv").read_text().splitlines():
        text, label = line.rsplit("\t", 1)
        yield text.split(), int(label)


def encode(sentences, token):
    ids = torch.full((len(sentences), LENGTH), PAD)
    for row, (words, _) in zip(ids, sentences):
        numbers = [CLS] + [token.get(w, UNKNOWN) for w in words][: LENGTH - 1]
        row[: len(numbers)] = torch.tensor(numbers)
    return ids, (ids != PAD).long(), torch.tensor([label for _, label in sentences])


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.widen, self.narrow = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.drop = nn.Dropout(0.2)

    def forward(self, x, bias):
        def heads(linear):
            return linear(x).view(x.shape[0], x.shape[1], HEADS, WIDTH // HEADS).transpose(1, 2)

        scores = heads(self.query) @ heads(self.key).transpose(2, 3) / math.sqrt(WIDTH // HEADS) + bias
        attended = (scores.softmax(-1) @ heads(self.value)).transpose(1, 2).reshape(x.shape[0], x.shape[1], WIDTH)
        x = self.norm1(x + self.drop(self.out(attended)))
        return self.norm2(x + self.drop(self.narrow(F.gelu(self.widen(x)))))


class Classifier(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.words, self.places = nn.Embedding(words, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.norm, self.drop = nn.LayerNorm(WIDTH), nn.Dropout(0.3)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, input_ids, attention_mask):
        bias = (1.0 - attention_mask[:, None, None, :].float()) * -10000.0
        x = self.words(input_ids) + self.places.weight[: input_ids.shape[1]]
        x = self.drop(self.norm(x))
        for layer in self.layers:
            x = layer(x, bias)
        weights = attention_mask[:, :, None].float()
        return self.head((x * weights).sum(1) / weights.sum(1))


def accuracy(model, data):
    model.eval()
    with torch.no_grad():
        return (model(*data[:2]).argmax(1) == data[2]).double().mean().item()


def write_data(folder):
    token = {w: i for i, w in enumerate((HERE / "vocabulary.txt").read_text().splitlines())}
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    for part in ("train", "test"):
        ids, mask, labels = encode(list(read(part)), token)
        np.savez(pathlib.Path(folder, part + ".npz"), input_ids=ids.numpy(), attention_mask=mask.numpy(), label=labels.numpy())


def main():
    torch.manual_seed(0)
    torch.set_num_threads(2)
    parts = {part: list(read(part)) for part in ("train", "dev", "test")}
    count = collections.Counter(w for words, _ in parts["train"] for w in words)
    vocabulary = ["[PAD]", "[CLS]", "[UNK]"] + sorted(w for w, c in count.items() if c >= LEAST)
    token = {w: i for i, w in enumerate(vocabulary)}
    data = {part: encode(sentences, token) for part, sentences in parts.items()}
    model = Classifier(len(vocabulary))
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    ids, mask, labels = data["train"]
    steps = EPOCHS * (len(ids) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.1)
    best, state = 0.0, None
    for epoch in range(EPOCHS):
        model.train()
        order = torch.randperm(len(ids))
        for rows in order[: len(ids) // BATCH * BATCH].view(-1, BATCH):
            drop = (torch.rand(ids[rows].shape) < DROPPED) & (ids[rows] > CLS)
            loss = F.cross_entropy(model(ids[rows].masked_fill(drop, UNKNOWN), mask[rows]), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        dev = accuracy(model, data["dev"])
        if dev > best:
            best, state = dev, {k: v.clone() for k, v in model.state_dict().items()}
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, dev {dev:.4f}", flush=True)
    model.load_state_dict(state)
    print(f"dev {accuracy(model, data['dev']):.4f}, test {accuracy(model, data['test']):.4f}, {sum(p.numel() for p in model.parameters())} parameters")
    (HERE / "vocabulary.txt").write_text("\n".join(vocabulary) + "\n")
    axes = {0: "batch", 1: "sequence"}
    torch.onnx.export(model.eval(), (ids[:2], mask[:2]), str(HERE / "teacher.onnx"), input_names=["input_ids", "attention_mask"], output_names=["logits"],
                      dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": {0: "batch"}}, opset_version=17, dynamo=False)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--data"]:
        write_data(sys.argv[2])
    else:
        main()
