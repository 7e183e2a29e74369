"""What is shown while the run goes on: one line a step, the present one with a bar, and a short table at the end."""

import sys
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from firmware_sim.demo.record import RunRecord, Step


class Live(Protocol):
    """Where progress goes."""

    def say(self, line: str) -> None: ...
    def begin(self, step: Step, what: str) -> None: ...
    def progress(self, done: int, total: int) -> None: ...
    def end(self, step: Step) -> None: ...
    def finish(self, record: RunRecord, out: str) -> None: ...


class TerminalLive:
    """Rich progress on standard error; standard output stays free for --json."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stderr, highlight=False)
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def say(self, line: str) -> None:
        self.console.print(line, markup=False, soft_wrap=True)

    def begin(self, step: Step, what: str) -> None:
        if not self.console.is_terminal:
            return  # in a log a bar is only empty lines
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._bar = Progress(*columns, console=self.console, transient=True)
        self._task = self._bar.add_task(f"{step.title_zh} {step.title_en}: {what}", total=None)
        self._bar.start()

    def progress(self, done: int, total: int) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total)

    def end(self, step: Step) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        mark = "[green]✓[/green]" if step.ok else "[red]✗[/red]"
        proof = step.evidence.get("proven", "") if step.ok else step.problem
        self.console.print(f"{mark} {step.title_zh:<6} {step.title_en:<40} {step.seconds:6.1f} s", end="  ")
        self.console.print(str(proof), markup=False, style="dim" if step.ok else "red", soft_wrap=True)

    def finish(self, record: RunRecord, out: str) -> None:
        table = Table(title="账 · The books", title_justify="left", show_edge=False)
        table.add_column("不变量 Invariant")
        table.add_column("值 Value", justify="right")
        table.add_column("")
        for item in record.invariants:
            table.add_row(f"{item.zh} {item.en}", str(item.value), "✓" if item.ok else "✗")
        self.console.print(table)
        verdict = "全部成立 everything holds" if record.ok else "有步骤或账目不成立 something does not hold"
        self.say(f"{verdict}  ·  {record.seconds:.0f} s  ·  {out}/report.html")


class SilentLive:
    """For tests and --json on a pipe."""

    def say(self, line: str) -> None: ...

    def begin(self, step: Step, what: str) -> None: ...

    def progress(self, done: int, total: int) -> None: ...

    def end(self, step: Step) -> None: ...

    def finish(self, record: RunRecord, out: str) -> None: ...
