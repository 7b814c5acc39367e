"""Loaded by every Python process of a case: tells what it computes, and does what the case asks it to suffer.

Python imports a module of this name, where it is on the path, before anything else. FAULTS_LOG names the file that is
told of every pack that is begun, of every epoch and of every pack whose outcome is written, one JSON object per line;
FAULTS_EVIL names a file of Python that may change more: it is run with the module `pipeline.run.worker` as `worker`.
"""

import functools
import importlib.abc
import importlib.machinery
import json
import os
import sys
import time
from pathlib import Path

WATCHED = "pipeline.run.worker"


def tell(event, task, **more):
    line = {"event": event, "time": time.time(), "pid": os.getpid(), "start": os.environ["FAULTS_START"]}
    line |= {"stage": task.stage, "numbers": list(task.numbers), "key": task.key, **more}
    descriptor = os.open(os.environ["FAULTS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, (json.dumps(line) + "\n").encode())
    os.close(descriptor)


def watch(worker):
    work, compute, train, running = worker.work, worker.compute, worker.train, []

    @functools.wraps(work)
    def told_work(task, split):
        work(task, split)
        tell("end", task)

    def told_compute(task, split):
        tell("begin", task)
        running.append(task)
        try:
            return compute(task, split)
        finally:
            running.pop()

    def told_train(pack, *rest):
        for report in train(pack, *rest):
            tell("epoch", running[-1], epoch=report.epoch)
            yield report

    worker.work, worker.compute, worker.train = told_work, told_compute, told_train
    if "FAULTS_EVIL" in os.environ:
        exec(Path(os.environ["FAULTS_EVIL"]).read_text(), {"worker": worker})  # noqa: S102 - the case's own words


class Finder(importlib.abc.MetaPathFinder):
    """Finds the watched module as anybody would, and changes it when it has been run."""

    def find_spec(self, name, path, target=None):
        if name != WATCHED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            watch(module)

        spec.loader.exec_module = exec_module
        return spec


if "FAULTS_LOG" in os.environ:
    sys.meta_path.insert(0, Finder())
