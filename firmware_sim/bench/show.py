"""What a bench says: JSON lines or a table on standard output, progress and skips on standard error."""

import json
import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from firmware_sim.bench.figure import Figure, rounded

_IN_COLUMNS = frozenset({"name", "value", "unit", "baseline", "baseline_value", "ratio", "better"})
BETTER = {"higher": "↑", "lower": "↓"}


class Show:
    """One run of the command."""

    def __init__(self, *, json_lines: bool) -> None:
        self._json = json_lines
        self._aside = Console(file=sys.stderr, highlight=False)
        self._figures: list[Figure] = []
        self._bar: Progress | None = None

    def say(self, line: str) -> None:
        self._aside.print(line, markup=False)

    def begin(self, what: str) -> None:
        """A bench starts: a bar when somebody watches, a line when not."""
        self._end_bar()
        if not self._aside.is_terminal:
            self.say(what)
            return
        columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=self._aside, transient=True)
        self._bar.add_task(what, total=None)
        self._bar.start()

    def progress(self, done: int, total: int) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total)

    def figure(self, figure: Figure) -> None:
        """Printed at once: a long run that is stopped has shown what it had."""
        self._figures.append(figure)
        if self._json:
            print(json.dumps(figure.to_json(), ensure_ascii=False), flush=True)
        else:
            line = figure.to_json()
            self.say(f"  {figure.name}: {line['value']} {figure.unit}, {line['ratio']} × {figure.baseline}")

    def trouble(self, line: str) -> None:
        self._end_bar()
        self.say(line)

    def finish(self, seconds: float, load: float) -> None:
        """The table, unless JSON was asked for; then how long it took."""
        self._end_bar()
        if not self._json and self._figures:
            out = Console(highlight=False)
            out.print(_table(self._figures))
            for figure in self._figures:
                out.print(f"{figure.name}: {_notes(figure)}", style="dim", markup=False)
        self.say(f"{seconds:.0f} s · 负载 load {load:.1f}")

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _table(figures: list[Figure]) -> Table:
    table = Table(title="测速 · Figures", title_justify="left", show_edge=False)
    table.add_column("名称 name", no_wrap=True)
    table.add_column("本项目 ours", justify="right", no_wrap=True)
    table.add_column("基线 baseline", justify="right", no_wrap=True)
    table.add_column("比 ratio", justify="right", no_wrap=True)
    for figure in figures:
        pairs = figure.pairs
        table.add_row(
            figure.name,
            f"{rounded(pairs.value):g} {figure.unit}",
            f"{rounded(pairs.baseline):g}",
            f"{pairs.ratio:.3g} {BETTER[figure.better]}",
        )
    return table


def _notes(figure: Figure) -> str:
    counted = [f"{key} {value}" for key, value in figure.to_json().items() if key not in _IN_COLUMNS]
    return "; ".join((f"beside {figure.baseline}", *counted))
