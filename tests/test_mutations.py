"""Every seeded mistake of mutations.py makes some test of the core fail."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from mutants import copy_to, run_tests
from mutations import MUTATIONS

FAILED = 1  # pytest's exit code; others mean that the tests did not run


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Run all mutants, as many at a time as there are cores; return the future of each by its mistake."""
    sound = tmp_path_factory.mktemp("mutations") / "sound"
    copy_to(sound)
    # The copies take the compiled files of this first run along.
    control = run_tests(sound)

    def run_mutant(number, mutation):
        mutant = sound.with_name(f"mutant{number}")
        shutil.copytree(sound, mutant)
        mutation.apply(mutant)
        outcome = run_tests(mutant, mutation.file)
        shutil.rmtree(mutant)
        return outcome

    pool = ThreadPoolExecutor(os.cpu_count())
    yield control, {m.mistake: pool.submit(run_mutant, number, m) for number, m in enumerate(MUTATIONS)}
    pool.shutdown(cancel_futures=True)


def test_the_copy_without_a_mistake_passes(outcomes):
    control, _ = outcomes
    assert control.returncode == 0, control.stdout + control.stderr


@pytest.mark.parametrize("mistake", [mutation.mistake for mutation in MUTATIONS])
def test_a_test_fails_where(mistake, outcomes):
    outcome = outcomes[1][mistake].result()
    assert outcome.returncode == FAILED, f"{mistake}: no test noticed\n{outcome.stdout}{outcome.stderr}"
