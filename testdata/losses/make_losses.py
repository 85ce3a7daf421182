"""Computes every loss and its gradients in PyTorch, in float64, on fixed random tensors, from the papers' formulas: losses.json.

distill/loss/pytorch_test.go compares ildc's losses with it. Feature losses are divided by a variance, as ildc divides them by the teacher's.
"""

import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(0)
VARIANCE = 1.7
TEMPERATURE = 4.0


def tensor(*dims):
    return torch.randn(*dims, dtype=torch.float64)


def param(*dims):
    return tensor(*dims).requires_grad_()


def channels_first(x, channel):
    """[N,C,positions]"""
    return x.movedim(channel, 1).flatten(2)


def connected(w, x, channel):
    """A 1x1 connector w [to,from], or [to,from,1,1], on the channel axis."""
    return torch.einsum("tc,nc...->nt...", w.flatten(1), x.movedim(channel, 1)).movedim(1, channel)


def kd(t, s):
    p, q = F.softmax(t / TEMPERATURE, -1), F.log_softmax(s / TEMPERATURE, -1)
    return TEMPERATURE**2 * (p * (p.log() - q)).sum(-1).mean()


def kd_of_values(t, s):
    return F.mse_loss(s, t) / VARIANCE


def ce(s, labels):
    return F.cross_entropy(s, labels.argmax(1))


def dkd(t, s, labels):
    target = labels.argmax(1)
    losses = []
    for i in range(len(t)):
        k = int(target[i])
        others = [c for c in range(t.shape[1]) if c != k]
        p, q = F.softmax(t[i] / TEMPERATURE, 0), F.softmax(s[i] / TEMPERATURE, 0)
        bt, bs = torch.stack([p[k], p[others].sum()]), torch.stack([q[k], q[others].sum()])
        nt, ns = p[others] / p[others].sum(), q[others] / q[others].sum()
        losses.append((bt * (bt / bs).log()).sum() + 8 * (nt * (nt / ns).log()).sum())
    return TEMPERATURE**2 * torch.stack(losses).mean()


def pearson(a, b):
    a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    return (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))


def dist(t, s):
    p, q = F.softmax(t / TEMPERATURE, -1), F.softmax(s / TEMPERATURE, -1)
    return (1 - pearson(p, q).mean()) + (1 - pearson(p.T, q.T).mean())


def hint(t, s, w, channel=1):
    return F.mse_loss(connected(w, s, channel), t) / VARIANCE


def attention(x, channel):
    return F.normalize(channels_first(x, channel).pow(2).mean(1), dim=1)


def at(t, s, channel=1):
    return F.mse_loss(attention(s, channel), attention(t, channel)) / VARIANCE


def flow(first, last, channel):
    a, b = channels_first(first, channel), channels_first(last, channel)
    return torch.einsum("nip,njp->nij", a, b) / a.shape[2]


def fsp(tf, tl, sf, sl, channel=1):
    return F.mse_loss(flow(sf, sl, channel), flow(tf, tl, channel)) / VARIANCE


def ab(t, s, w, channel=1):
    margin, s = VARIANCE**0.5, connected(w, s, channel)
    return torch.where(t > 0, F.relu(margin - s) ** 2, F.relu(margin + s) ** 2).mean() / VARIANCE


def similarity(x):
    q = x.flatten(1)
    return F.normalize(q @ q.T, dim=1)


def sp(t, s):
    return F.mse_loss(similarity(s), similarity(t)) / VARIANCE


def scores(x, kept=None):
    """TinyBERT: scores that a mask has hidden count as 0."""
    x = torch.where(x <= -100, torch.zeros_like(x), x)
    return x if kept is None else x[:, kept]


def attn(t, s, kept=None, average=False):
    t, s = scores(t, kept), scores(s)
    if average:
        t, s = t.mean(1), s.mean(1)
    return F.mse_loss(s, t) / VARIANCE


def relation(t, s):
    """MiniLM with one relation head: values [N,heads,positions,width]."""
    def products(v):
        v = v.transpose(1, 2).flatten(2)
        return v @ v.transpose(1, 2) / v.shape[2] ** 0.5
    p, q = products(t).softmax(-1), products(s).log_softmax(-1)
    return (p * (p.log() - q)).sum(-1).mean()


cases = []


def case(name, loss, value, channel=1, kept=None, first_kept=None, classify=False, **tensors):
    """Records a loss with the gradients in every tensor that asks for them."""
    moved = {k: v for k, v in tensors.items() if v.requires_grad}
    grads = torch.autograd.grad(value, list(moved.values()))

    def plain(x):
        return {"dims": list(x.shape), "data": x.detach().flatten().tolist()}

    cases.append({
        "name": name, "loss": loss, "channel": channel, "kept": kept, "first_kept": first_kept, "classify": classify, "variance": VARIANCE,
        "temperature": TEMPERATURE, "value": value.item(), "tensors": {k: plain(v) for k, v in tensors.items()},
        "gradients": {k: plain(g) for k, g in zip(moved, grads)}})


t, s = tensor(4, 6), param(4, 6)
labels = F.one_hot(torch.tensor([2, 0, 5, 2]), 6).double()
case("logits", "kd", kd(t, s), classify=True, teacher=t, student=s)
case("values", "kd", kd_of_values(t, s), teacher=t, student=s)
case("labels", "ce", ce(s, labels), classify=True, teacher=t, student=s, labels=labels)
case("labels", "dkd", dkd(t, s, labels), classify=True, teacher=t, student=s, labels=labels)
case("logits", "dist", dist(t, s), classify=True, teacher=t, student=s)

CONNECTOR = "connector/{}/last"
for name, channel, teacher, student in [
        ("maps", 1, (2, 6, 4, 3), (2, 3, 4, 3)), ("sequences", 2, (2, 4, 6), (2, 4, 3)), ("vectors", 1, (4, 6), (4, 3))]:
    t, s = tensor(*teacher), param(*student)
    w = param(6, 3, 1, 1) if name == "maps" else param(6, 3)
    case(name, "hint", hint(t, s, w, channel), channel, teacher=t, student=s, **{CONNECTOR.format("hint"): w})
    case(name, "ab", ab(t, s, w, channel), channel, pre_teacher=t, pre_student=s, teacher=t.relu(), student=s.detach().relu(), **{CONNECTOR.format("ab"): w})
    case(name, "sp", sp(t, s), channel, teacher=t, student=s)
    if name == "vectors":
        continue
    case(name, "at", at(t, s, channel), channel, teacher=t, student=s)
    tf, sf = tensor(*teacher), param(*student)
    kept, first_kept = [0, 2, 5], [1, 2, 3]
    gathered = [x.index_select(channel, torch.tensor(k)) for x, k in [(tf, first_kept), (t, kept)]]
    case(name + ", kept channels", "fsp", fsp(*gathered, sf, s, channel), channel, kept, first_kept,
         teacher=t, student=s, first_teacher=tf, first_student=sf)
    u, v = (param(6, 3, 1, 1), param(6, 3, 1, 1)) if name == "maps" else (param(6, 3), param(6, 3))
    case(name + ", connectors", "fsp", fsp(tf, t, connected(u, sf, channel), connected(v, s, channel), channel), channel,
         teacher=t, student=s, first_teacher=tf, first_student=sf, **{"connector/fsp/first": u, "connector/fsp/last": v})

t, s = tensor(2, 6, 4, 4), param(2, 3, 2, 2)
w = param(6, 3, 1, 1)
case("a larger teacher map", "hint", hint(F.avg_pool2d(t, 2), s, w), teacher=t, student=s, **{CONNECTOR.format("hint"): w})
case("a larger teacher map", "at", at(F.avg_pool2d(t, 2), s), teacher=t, student=s)

t, s = tensor(2, 4, 3, 3), param(2, 2, 3, 3)
mask = torch.tensor([0.0, 0.0, -10000.0], dtype=torch.float64)
masked_t, masked_s = (t + mask), (s.detach() + mask).requires_grad_()
case("kept heads, masked", "attn", attn(masked_t, masked_s, [1, 3]), kept=[1, 3], teacher=masked_t, student=masked_s)
case("other heads", "attn", attn(t, s, average=True), teacher=t, student=s)
t, s = tensor(2, 4, 3, 5), param(2, 2, 3, 4)
case("values", "relation", relation(t, s), teacher=t, student=s)

pathlib.Path(__file__).with_name("losses.json").write_text(json.dumps(cases, indent=None, separators=(",", ":")).replace('},{"name"', '},\n{"name"') + "\n")
