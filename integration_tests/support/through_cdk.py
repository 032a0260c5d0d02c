"""The ways into the connector, those of Airbyte's CDK among them, as a program: `python through_cdk.py JOBS`.

JOBS is a JSON list of jobs: a way, its arguments, and the files for its input and its output. Prints the exit codes.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from airbyte_cdk.destinations import Destination
from airbyte_cdk.entrypoint import launch

from destination_intercom import DestinationIntercom
from destination_intercom.run import main as run_alone

WAYS: dict[str, Callable[[list[str]], None]] = {
    # The console script.
    "alone": lambda arguments: sys.exit(run_alone(arguments)),
    # The `main.py` of a connector as the CDK's documentation has it.
    "own run": lambda arguments: DestinationIntercom().run(arguments),
    # The same with nothing of ours but what the CDK asks a destination for.
    "base run": lambda arguments: Destination.run(DestinationIntercom(), arguments),
    # `airbyte-cdk connector test`.
    "launch": lambda arguments: launch(DestinationIntercom(), arguments),  # type: ignore[arg-type]
}


def main() -> None:
    """Run each job in a process of its own; forked, for the CDK takes seconds to import."""
    gc.freeze()
    codes = []
    for way, arguments, stdin, stdout in json.loads(sys.argv[1]):
        if (child := os.fork()) == 0:
            os.dup2(os.open(stdin, os.O_RDONLY), 0)
            os.dup2(os.open(stdout, os.O_WRONLY | os.O_CREAT), 1)
            run_to_exit(WAYS[way], arguments)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    sys.stdout.write(json.dumps(codes))


def run_to_exit(way: Callable[[list[str]], None], arguments: list[str]) -> NoReturn:
    """End this process as a script would end, but without taking down all that was imported."""
    code: Any = 0
    try:
        way(arguments)
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as the interpreter does
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
