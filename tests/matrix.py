"""Run the tests against the built wheel on other Pythons and with other releases of what it needs: `make matrix`.

    python tests/matrix.py [NAME ...] [--keep]

Each row has a virtual environment of its own below `.matrix/`, without torch and without the launchers' packages (but
for joblib's on Hydra 1.4), and runs the quick tests and those marked `matrix` (real sweeps) from a folder that holds no
source of the package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ROOT / ".matrix"
EXTRAS = "dashboard,grpc,mysql,postgresql,redis,report"
TOOLS = (
    *("cmaes", "filelock", "hypothesis", "jsonschema", "pyte"),
    *("pytest", "pytest-timeout", "pytest-xdist", "scipy", "websocket-client"),
)
FOLDERS = ("tests", "conf", "examples", "docs", "tools")
FILES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "mkdocs.yml", "pyproject.toml")
SELECTION = "(not slow or matrix) and not examples and not chaos and not checkout"


@dataclass(frozen=True, slots=True)
class Row:
    """One environment.

    Attributes:
        name: how it is called on the command line.
        python: its version, as in `3.12`.
        pins: what pip is told beside the wheel; nothing takes the newest of everything.
    """

    name: str
    python: str
    pins: tuple[str, ...] = ()


# Beside the tests of the checkout: Python 3.11, Hydra 1.3.8 and Optuna 5.0, as `constraints.txt` has them.
ROWS = (
    Row("oldest", "3.10", ("hydra-core==1.3.2", "optuna==4.9.0")),
    Row("hydra14", "3.12", ("hydra-core==1.4.0rc3", "hydra-joblib-launcher==1.4.0rc3")),
    Row("newest", "3.13"),
)


def find_python(version: str) -> str | None:
    """Return a Python of that version: on PATH, or pyenv's."""
    installed = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*"))
    if installed:
        return str(installed[-1] / "bin" / "python")
    return shutil.which(f"python{version}")


def build_wheel(folder: Path) -> Path:
    """Build the package's wheel."""
    _pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    return wheel


def prepare(row: Row, python: str, wheel: Path) -> str:
    """Make the row's environment, unless it is there, and install the wheel; return its Python."""
    folder = ENVIRONMENTS / row.name
    own = str(folder / "bin" / "python")
    wanted = "\n".join((row.python, EXTRAS, *row.pins, *TOOLS, (ROOT / "pyproject.toml").read_text()))
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        _pip(own, "install", f"{wheel}[{EXTRAS}]", *row.pins, *TOOLS)
        stamp.write_text(wanted)
    _pip(own, "install", "--no-deps", "--force-reinstall", str(wheel))
    return own


def run_tests(python: str, folder: Path) -> int:
    """Run the selected tests in a copy of the tests' folders that has no source of the package beside them."""
    for name in (*FOLDERS, *FILES):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    command = [python, "-m", "pytest", "-q", "-m", SELECTION, "-n", "3", "--dist", "loadfile", "-p", "no:cacheprovider"]
    return subprocess.run([*command, "--ignore=tests/examples"], cwd=folder, check=False, timeout=1200).returncode


def versions(python: str) -> str:
    """Say which releases an environment has."""
    code = (
        "import platform, importlib.metadata as m; print(platform.python_version(), *("
        "f'{n} {m.version(n)}' for n in ('hydra-core', 'omegaconf', 'optuna', 'PyYAML')), sep=', ')"
    )
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def main(arguments: list[str]) -> int:
    """Run the rows that are named, or all; return 1 if one failed, or lacks its Python where CI is set."""
    rows = [row for row in ROWS if not arguments or row.name in arguments]
    lines: list[str] = []
    n_bad = 0
    with tempfile.TemporaryDirectory() as text:
        wheel = build_wheel(Path(text, "wheel"))
        for row in rows:
            python = find_python(row.python)
            if python is None:
                n_bad += "CI" in os.environ
                lines.append(f"{row.name}: not run, there is no Python {row.python}")
                continue
            start_s = time.monotonic()
            own = prepare(row, python, wheel)
            print(f"== {row.name}: {versions(own)}", flush=True)
            with tempfile.TemporaryDirectory() as place:
                code = run_tests(own, Path(place))
            n_bad += code != 0
            verdict = "passed" if code == 0 else "FAILED"
            lines.append(f"{row.name}: {verdict} in {time.monotonic() - start_s:.0f} s ({versions(own)})")
    print(*lines, sep="\n")
    return min(n_bad, 1)


def _pip(python: str, *arguments: str) -> None:
    subprocess.run([python, "-m", "pip", "--disable-pip-version-check", "-q", *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
