"""What becomes of models that others have made: python bench/models.py ILDC THREADS [NAME…]

Each model of ../shared/models is planned at half the MACs and its student trained for 20 steps on synthetic inputs; the student is then loaded in ONNX
Runtime, and checked by the onnx package where the teacher passes that. Prints a table; the last lines count.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import onnx
import onnxruntime

MODELS = pathlib.Path(__file__).parent / "../../shared/models"

# Sizes of symbolic extents, which an export leaves open.
BIND = {
    "ort_bert_toy_optimized": "max_seq_len_in_batch=16",
    "ppocr_cls_v2": "x.2=48,x.3=192",
    "silero_vad_op15_16k": "sequence=512",
    "silero_vad_op18_ifless": "sequence=512",
}
STEPS = 20
LONGEST = 1200  # seconds for a model
WORK = 5e8  # MACs of the teacher in a step: of larger models a batch has fewer samples


def run(ildc, arguments):
    done = subprocess.run([ildc, *arguments, "--json"], capture_output=True, text=True, timeout=LONGEST)
    result = json.loads(done.stdout) if done.stdout.strip() else {}
    said = done.stderr.strip().splitlines()
    why = next((line for line in said if line.startswith("ildc: ")), said[-1] if said else "")
    return done.returncode, result, why.removeprefix("ildc: ")


def reason(result, why, path):
    declined = result.get("declined") or []
    if declined:
        d = declined[0]
        more = f", and {len(declined) - 1} more" if len(declined) > 1 else ""
        return f"node {d['node']} ({d['op']}): {d['why']}{more}"
    return why.replace(str(path) + ": ", "").replace(os.path.normpath(path.parent), "its folder")


def signature(model, kind):
    """Names, types and shapes; an initializer that is listed as an input is a weight."""
    weights = {i.name for i in model.graph.initializer}
    return [v.SerializeToString() for v in getattr(model.graph, kind) if v.name not in weights]


def checked(teacher, student):
    """Whether the student runs with the teacher's signature, and passes onnx's checker where the teacher does."""
    problems = []
    before, after = onnx.load(teacher), onnx.load(student)
    try:
        onnx.checker.check_model(str(teacher), full_check=True)
    except Exception:
        pass
    else:
        onnx.checker.check_model(str(student), full_check=True)
    for kind in ("input", "output"):
        if signature(before, kind) != signature(after, kind):
            problems.append(f"{kind}s differ")
    if [(o.domain, o.version) for o in before.opset_import] != [(o.domain, o.version) for o in after.opset_import]:
        problems.append("opsets differ")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(student), options, providers=["CPUExecutionProvider"])
    return problems


def examine(ildc, threads, path, folder):
    name = path.parent.name
    bind = ["--bind", BIND[name]] if name in BIND else []
    code, result, why = run(ildc, ["inspect", str(path), *bind])
    if code:
        return "declined", reason(result, why, path)
    code, plan, why = run(ildc, ["plan", str(path), "--budget", "macs=0.5x", *bind])
    if code:
        return "accepted", reason(plan, why, path)
    reached = plan["budget"]["reached"]
    batch = int(max(1, min(16, WORK / plan["teacher"]["macs"])))
    student = pathlib.Path(folder, name + ".onnx")
    code, result, why = run(ildc, ["compress", str(path), "--budget", "macs=0.5x", "--steps", str(STEPS), "--eval-every", "5", "--synthetic", str(6 * batch), "--batch", str(batch),
                                   "--noise", "--engine", "ort", "--threads", threads, "--progress", "none", "--overwrite", "-o", str(student), *bind])
    if code not in (0, 3):
        return "plannable", f"{reached}; {reason(result, why, path)}"
    losses = [p["losses"]["total"] for p in result["history"]]
    falls = losses[-1] < losses[0]
    problems = [] if falls else ["the loss does not fall"]
    try:
        problems += checked(path, student)
    except Exception as e:  # whatever the checker or ONNX Runtime throws
        problems.append(str(e).splitlines()[0])
    kind = "trained" if not problems else "plannable"
    return kind, "; ".join([reached, f"loss {losses[0]:.4g} to {losses[-1]:.4g}", *problems])


def main():
    ildc, threads, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    count = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(MODELS.glob("*/*.onnx")):
            if names and path.parent.name not in names:
                continue
            try:
                kind, what = examine(ildc, threads, path, folder)
            except subprocess.TimeoutExpired as e:
                kind, what = "plannable" if "compress" in e.cmd else "error", f"stopped after {LONGEST} s"
            except Exception as e:
                kind, what = "error", f"{type(e).__name__}: {str(e).splitlines()[0]}"
            count[kind] = count.get(kind, 0) + 1
            print(f"{path.parent.name:40} {kind:10} {what}", flush=True)
    trained = count.get("trained", 0)
    plannable = trained + count.get("plannable", 0)
    accepted = plannable + count.get("accepted", 0)
    print(f"\n{accepted} accepted, {plannable} plannable at half the MACs, {trained} trained, {count.get('declined', 0)} declined, {count.get('error', 0)} errors")


if __name__ == "__main__":
    main()
