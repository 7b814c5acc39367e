"""Tests of the tests: seeded mistakes in the core, of which each must make some test fail.

A mutation is an exact substitution in one file. It is applied to a temporary copy of the package, and the tests of the
core run there, in a process of their own. Old text that is no longer found exactly once is an error: whoever changes
such a line says what its mistake would look like now.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _files(pattern: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").glob(pattern))


TESTS = (
    *(f"tests/{name}.py" for name in ("test_train_oracle", "test_train", "test_train_dropout", "test_evaluate")),
    *_files("core/test_*.py"),
    *_files("contracts/*_contract.py"),  # those of the core's tables
)
"""The oracle, which notices most, comes first."""

HELPERS = ("tests/reference.py", "tests/small.py", "tests/core/cs231n.py", "pyproject.toml", "pipeline")


@dataclass(frozen=True)
class Mutation:
    """A mistake that student versions of this code make, or that a tired maintainer could."""

    mistake: str
    file: str
    old: str
    new: str

    def apply(self, copy: Path) -> None:
        """Make the mistake in a copy of the repository."""
        path = copy / "pipeline" / self.file
        source = path.read_text()
        if source.count(self.old) != 1:
            raise ValueError(f"{self.mistake}: must find once in {self.file}, got {source.count(self.old)}: {self.old}")
        mutant = source.replace(self.old, self.new)
        compile(mutant, path, "exec")  # what cannot be read tests nothing
        path.write_text(mutant)
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()


MUTATIONS = [
    Mutation(
        "the penalty's gradient is lambda W instead of 2 lambda W",
        "core/network.py",
        "hidden, top, 2 * lambda_)",
        "hidden, top, lambda_)",
    ),
    Mutation(
        "the penalty includes gamma, beta and the biases",
        "core/network.py",
        'return [self.parameters[f"W{layer}"] for layer in range(1, self.depth + 1)]',
        "return [a.reshape(len(a), -1, a.shape[-1]) for a in self.parameters.values()]",
    ),
    Mutation(
        "the penalty leaves out the last layer", "core/network.py", "range(1, self.depth + 1)]", "range(1, self.depth)]"
    ),
    Mutation(
        "plain SGD forgets the weight decay",
        "core/affine.py",
        "shrink = 1 + step.astype(np.float64) * self.decay",
        "shrink = np.ones(len(step))",
    ),
    Mutation(
        "a step is added to a scaled matrix as if it were the matrix itself",
        "core/affine.py",
        "            step = step / self.scale\n",
        "",
    ),
    Mutation(
        "a scaled matrix meets its input without the scale",
        "core/affine.py",
        "        out *= scale.astype(out.dtype)[:, None, None]\n",
        "        pass\n",
    ),
    Mutation(
        "a scale near zero is never taken into its matrix",
        "core/affine.py",
        "fold(weight, self.scale, ~(self.scale > SMALLEST))",
        "pass",
    ),
    Mutation(
        "all matrices are folded where one has to be",
        "core/affine.py",
        "for trial in np.flatnonzero(trials):",
        "for trial in np.flatnonzero(np.full(len(trials), trials.any())):",
    ),
    Mutation(
        "the batch variance divides by n - 1",
        "core/layers.py",
        "variance = batch_sum(s * s) / B",
        "variance = batch_sum(s * s) / max(B - 1, 1)",
    ),
    Mutation(
        "batch norm's gradient lacks the term of the mean",
        "core/layers.py",
        "    g -= (by_beta / B)[:, None, :]\n",
        "",
    ),
    Mutation(
        "batch norm's gradient lacks the term of the variance",
        "core/layers.py",
        "    g -= cache.centred * (cache.inverse_std * by_gamma / B)[:, None, :]\n",
        "",
    ),
    Mutation(
        "old and new swap their weights in the moving average",
        "core/layers.py",
        "alpha * old.mean + (1 - alpha) * new.mean",
        "alpha * new.mean + (1 - alpha) * old.mean",
    ),
    Mutation(
        "the moving averages start at mean 0 and variance 1",
        "core/layers.py",
        "    if old is None:\n        return new\n",
        "    old = old or Moments(np.zeros_like(new.mean), np.ones_like(new.variance))\n",
    ),
    Mutation(
        "the mask of ReLU lets everything through",
        "core/layers.py",
        "np.multiply(g, y > 0, out=g)",
        "np.multiply(g, y >= 0, out=g)",
    ),
    Mutation(
        "leaky ReLU does not leak backwards",
        "core/layers.py",
        "np.where(y > 0, g, LEAK * g)",
        "np.where(y > 0, g, 0 * g)",
    ),
    Mutation(
        "batch norm after the activation is masked by its own output",
        "core/network.py",
        "return Hidden(x, activated, norm, mask), out",
        "return Hidden(x, out, norm, mask), out",
    ),
    Mutation(
        "the softmax subtracts the largest score of all trials",
        "core/losses.py",
        "    scores -= scores.max(axis=-1, keepdims=True)\n",
        "    scores -= scores.max()\n",
    ),
    Mutation(
        "the measured loss has no log-sum-exp trick",
        "core/losses.py",
        "    shifted -= shifted.max(axis=-1, keepdims=True)\n",
        "",
    ),
    Mutation("Xavier uses He's scale", "core/initialise.py", "np.sqrt(1 / fan_in)", "np.sqrt(2 / fan_in)"),
    Mutation(
        "every trial draws weights of its own",
        "core/initialise.py",
        "weight[trial] = normals * ",
        "weight[trial] = rng.standard_normal((D, H)) * ",
    ),
    Mutation("momentum climbs", "core/optimizers.py", "velocity += per_trial", "velocity -= per_trial"),
    Mutation(
        "momentum scales the old velocity by eta too",
        "core/optimizers.py",
        "parameters[name] -= velocity",
        "parameters[name] -= per_trial(eta, velocity) * velocity",
    ),
    Mutation("the schedule is a step ahead", "train.py", "](self.step, schedule,", "](self.step + 1, schedule,"),
    Mutation(
        "the reported rate is rounded to the precision of the network",
        "train.py",
        "        run.eta(),\n",
        "        run.eta().astype(shared.network.dtype),\n",
    ),
    Mutation("half a cycle is a cycle", "core/schedules.py", "t % (2 * n_s) / n_s", "2 * t % (2 * n_s) / n_s"),
    Mutation(
        "the short last batch is divided by the full size",
        "train.py",
        "run.optimizer_state, eta, shared.optimizer)",
        "run.optimizer_state, eta * (len(rows) / shared.batch_size), shared.optimizer)",
    ),
    Mutation(
        "the short last batch is left out",
        "spec/trial.py",
        "starts = range(0, n, batch_size)",
        "starts = range(0, max(1, n - batch_size + 1), batch_size)",
    ),
    Mutation(
        "every epoch has the same order",
        "train.py",
        "run.rng.permutation(",
        "np.random.default_rng(shared.order_seed).permutation(",
    ),
    Mutation(
        "measuring uses the statistics of what it measures",
        "train.py",
        "        if epoch:\n",
        "        if epoch < 0:\n",
    ),
    Mutation(
        "validation updates the moving averages",
        "evaluate.py",
        "    loss = np.zeros(network.size)\n",
        "    loss = np.zeros(network.size)\n    network.average(network.statistics(x.astype(network.spec.dtype)))\n",
    ),
    Mutation(
        "after a drop the survivors inherit the lambdas of the first lanes",
        "train.py",
        "self.lambda_[kept], ",
        "self.lambda_[: len(kept)], ",
    ),
    Mutation(
        "a drop forgets the velocities",
        "train.py",
        "{name: array[kept] for name, array in self.optimizer_state.items()}",
        "{name: np.zeros_like(array[kept]) for name, array in self.optimizer_state.items()}",
    ),
    Mutation(
        "dropped trials stay in the moving averages",
        "core/network.py",
        "Moments(m.mean[index], m.variance[index])",
        "Moments(m.mean[: len(index)], m.variance[: len(index)])",
    ),
    Mutation(
        "after a drop the survivors inherit the recorded losses of the first lanes",
        "train.py",
        "self.batch_losses[kept]",
        "self.batch_losses[: len(kept)]",
    ),
    Mutation(
        "a loss is recorded a step late", "train.py", "run.batch_losses[:, step],", "run.batch_losses[:, step - 1],"
    ),
    Mutation(
        "a mini-batch's accuracy counts ties as right",
        "core/losses.py",
        "np.isfinite(picked)):",
        "np.isfinite(picked)) + shifted.size:",
    ),
    Mutation(
        "layer norm takes its mean over the batch",
        "core/layers.py",
        "s -= s.mean(axis=2, keepdims=True)",
        "s -= s.mean(axis=1, keepdims=True)",
    ),
    Mutation(
        "layer norm divides by H - 1",
        "core/layers.py",
        "np.square(s).mean(axis=2)",
        "np.square(s).sum(axis=2) / max(s.shape[2] - 1, 1)",
    ),
    Mutation(
        "layer norm's gradient lacks the term of the mean",
        "core/layers.py",
        "    g -= g.mean(axis=2, keepdims=True)\n",
        "",
    ),
    Mutation(
        "layer norm's gradient lacks the term of the variance",
        "core/layers.py",
        "    g -= normalised * along\n",
        "",
    ),
    Mutation(
        "layer norm scales the gradient by gamma outside of its means",
        "core/layers.py",
        "    g *= gamma[:, None, :]\n    along = (g * normalised).mean(axis=2, keepdims=True)\n",
        "    along = (g * normalised).mean(axis=2, keepdims=True)\n    g *= gamma[:, None, :]\n",
    ),
    Mutation(
        "a skip adds what the layer after its start puts out",
        "core/network.py",
        "out += outputs[start]",
        "out += outputs[start + 1]",
    ),
    Mutation(
        "the gradient through a skip is not added",
        "core/network.py",
        "g += affine_gradients[end]",
        "g += 0 * affine_gradients[end]",
    ),
    Mutation(
        "the gradient through a skip is that of the layer after its end",
        "core/network.py",
        "g += affine_gradients[end]",
        "g += affine_gradients[min(end + 1, self.depth - 1)]",
    ),
    Mutation(
        "layers under a skip keep their norm and bias",
        "spec/network.py",
        "return not self.skip_norm and any(",
        "return self.skip_norm and any(",
    ),
    Mutation(
        "one layer too many is normalised",
        "spec/network.py",
        "range(1, 1 + (self.num_bn_layers or len(self.hidden)))",
        "range(1, 2 + (self.num_bn_layers or len(self.hidden)))",
    ),
    Mutation(
        "layers without batch norm have no bias either",
        "spec/network.py",
        'self.batch_norm == "before" and self.norm_of(layer) == "before"',
        'self.batch_norm == "before"',
    ),
    Mutation(
        "layer norm has no bias before it, as batch norm",
        "spec/network.py",
        'self.batch_norm == "before" and self.norm_of(layer) == "before"',
        'self.norm_of(layer) == "before"',
    ),
    Mutation(
        "dropout's mask is not applied backwards",
        "core/network.py",
        "            g *= cache.mask\n",
        "            g *= 1\n",
    ),
    Mutation(
        "dropout's mask loses its scale backwards",
        "core/network.py",
        "            g *= cache.mask\n",
        "            g *= cache.mask > 0\n",
    ),
    Mutation(
        "dropout does not scale", "core/layers.py", "((uniform < below) * scale)", "((uniform < below) * scale / scale)"
    ),
    Mutation(
        "keep is the probability to drop",
        "core/layers.py",
        "((uniform < below) * scale)",
        "((uniform > below) * scale)",
    ),
    Mutation(
        "every trial draws masks of its own",
        "core/layers.py",
        "rng.random((B, 1, H), np.float32)",
        "rng.random((B, len(keep), H), np.float32)",
    ),
    Mutation(
        "all layers have the mask of the first",
        "core/network.py",
        "masks[layer - 1] if masks",
        "masks[0][:, :, : self.spec.hidden[layer - 1]] if masks",
    ),
    Mutation(
        "averages from zeros start at a variance of one",
        "core/layers.py",
        "Moments(np.zeros_like(new.mean), np.zeros_like(new.variance))",
        "Moments(np.zeros_like(new.mean), np.ones_like(new.variance))",
    ),
    Mutation(
        "a chosen start of averages is ignored",
        "core/network.py",
        "if self.averages else start(new)",
        "if self.averages else None",
    ),
    Mutation("half the penalty is the whole", "train.py", "trial.l2_factor * trial.lambda_", "trial.lambda_"),
    Mutation(
        "after a drop the survivors inherit the keeps of the first lanes",
        "train.py",
        "self.keep = self.keep[kept]",
        "self.keep = self.keep[: len(kept)]",
    ),
    Mutation(
        "every epoch has the same masks",
        "train.py",
        "return dropout_masks(self.noise, ",
        "return dropout_masks(np.random.default_rng(self.step % 5), ",
    ),
    Mutation("a layer's spread divides by n - 1", "core/spread.py", "axis=(1, 2), dtype", "axis=(1, 2), ddof=1, dtype"),
    Mutation("the penalty counts as gradient", "core/spread.py", "np.zeros(network.size", "np.ones(network.size"),
    Mutation(
        "gradients are squared in the precision of the network",
        "core/spread.py",
        "np.square(array, dtype=np.float64)",
        "np.square(array)",
    ),
    Mutation(
        "a loss is checked only when the epoch is over",
        "train.py",
        '            _note(lost, run, loss, "mini-batch loss")\n',
        '            if step == len(cuts) - 1:\n                _note(lost, run, loss, "mini-batch loss")\n',
    ),
]


def copy_to(target: Path) -> None:
    """Copy what the tests of the core need."""
    for name in (*TESTS, *HELPERS):
        source = ROOT / name
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target / name)


def run_tests(copy: Path, mutated: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the tests in `copy` until one fails, first those of the file that was mutated.

    `python -m` finds the package there before any installed one.
    """
    own = str(Path("tests", mutated).with_name(f"test_{Path(mutated).name}"))
    tests = sorted(TESTS, key=lambda name: name != own)
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *tests]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["OPENBLAS_NUM_THREADS"] = "1"
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
