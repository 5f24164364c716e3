"""Whoever goes away takes the work for its answer along: the request upstream is closed within 250 ms."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("leaving_clients.py")
CLIENTS = 30  # the script has as many as it is told


def test_clients_that_leave_at_random_moments(tmp_path: Path) -> None:
    """Waiting, before the first word or in the middle, streamed or whole: closed upstream, nothing left."""
    run = subprocess.run(
        [sys.executable, SCRIPT, tmp_path, str(CLIENTS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(run.stdout)
    stages = result["stages"]
    assert min(stages[stage] for stage in ("waiting", "before the first word", "mid-stream")) >= 1, result
    assert len(result["closed_ms"]) >= CLIENTS - stages["waiting"], result
