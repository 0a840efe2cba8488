"""A server that trains a toy in a child of its own for every line it reads, and kills it where it is told to.

A line is a JSON list: the run folder, and after how many seconds to kill (null: never). The answer is the child's exit
status. The child writes ``done.json`` when it gets there.
"""

import gc
import json
import os
import signal
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import torch

torch.set_num_threads(1)
spec = spec_from_file_location("distill_toys", Path(__file__).with_name("distill_toys.py"))
toys = module_from_spec(spec)
spec.loader.exec_module(toys)

from emg_distill._loop.run import fit  # noqa: E402  after the number of threads is set


def train(folder: Path) -> None:
    task = toys.hard_task()
    result = fit(task, toys.hard_recipe(), folder, "hard")
    done = {"weights": toys.weights(task), "resumed_from": result.resumed_from, "history": result.history}
    (folder / "done.json").write_text(json.dumps(done))


gc.freeze()  # children share the imported modules' memory

for line in sys.stdin:
    folder, seconds = json.loads(line)
    child = os.fork()
    if not child:
        code = 1
        try:
            train(Path(folder))
            code = 0
        finally:
            os._exit(code)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
