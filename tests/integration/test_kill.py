"""Builders of an index are killed at random moments and in every stage; those who read it don't notice."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("kill_index.py")
ROUNDS = 12  # the script does as many as it is told: 60 take about twenty seconds


def test_killed_builders_leave_an_index_that_answers(tmp_path: Path) -> None:
    """After every kill, old and new readers answer from a whole generation, and the next build succeeds."""
    run = subprocess.run(
        [sys.executable, SCRIPT, tmp_path, str(ROUNDS), "4"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert sum(result["killed"].values()) == ROUNDS
    inside = [result["killed"].get(stage, 0) for stage in ("read", "terms", "embed", "publish")]
    assert min(inside) >= 1
    assert sum(inside) >= ROUNDS // 2
    assert result["answers"] == 2 * ROUNDS
    assert result["seen"] > 1
