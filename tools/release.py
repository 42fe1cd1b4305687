"""Builds sdist, wheel and bill of materials into `dist/`, and tries the wheel as built: `make release`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
sys.path.insert(0, str(ROOT))


def run(*command: str, folder: Path = ROOT, path: str = "") -> str:
    """Run a command; return what it printed."""
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"} if path else None
    print("+", *command, flush=True)
    return subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def build() -> Path:
    """Build the sdist, and the wheel from it; return the wheel."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", str(DIST))
    run(sys.executable, "-m", "twine", "check", "--strict", *map(str, DIST.iterdir()))
    (wheel,) = DIST.glob("*.whl")
    return wheel


def try_out(wheel: Path, folder: Path) -> None:
    """Install the wheel into an empty environment, and do what the README does first.

    Raises:
        RuntimeError: when something that the README promises is missing.
    """
    import qgtune
    from tests.docs.pages import blocks

    run(sys.executable, "-m", "venv", str(folder / "venv"))
    python, path = str(folder / "venv" / "bin" / "python"), str(folder / "venv" / "bin")
    constraints = str(ROOT / "constraints.txt")
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", constraints, f"{wheel}[report]")
    materials = ("cyclonedx_py", "environment", "--of", "JSON", "-o", str(DIST / "sbom.cdx.json"), python)
    run(sys.executable, "-m", *materials)
    app = folder / "app"
    app.mkdir()
    for block in blocks(ROOT / "README.md"):
        if block.title:
            (app / block.title).write_text(block.text)
    version = run("qgtune", "--version", folder=app, path=path)
    printed = run("python", "app.py", "--multirun", "hydra.sweep.dir=sweep", folder=app, path=path)
    again = run("qgtune", "rerun", "sweep", folder=app, path=path)
    best = run("qgtune", "best", "sweep", folder=app, path=path)
    wanted = (
        (qgtune.__version__ in version, "its version"),
        ("Read the report" in printed and (app / "sweep" / "report.html").exists(), "a report"),
        (best.splitlines()[0].rpartition(" ")[2] in again, "the best value again"),
    )
    if missing := [name for there, name in wanted if not there]:
        raise RuntimeError(f"the wheel does not give {', '.join(missing)}:\n{version}{printed}{again}{best}")


def main() -> None:
    """Build and try the release."""
    wheel = build()
    with tempfile.TemporaryDirectory() as folder:
        try_out(wheel, Path(folder))
    print("These were tried, and may be published:", *sorted(path.name for path in DIST.iterdir()), sep="\n  ")


if __name__ == "__main__":
    main()
