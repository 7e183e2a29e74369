"""A campaign: so many inputs over all targets, what was found, and how long the slowest input took."""

import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from tests.fuzz.inputs import Inputs
from tests.fuzz.parsers import Parser, parsers
from tests.fuzz.talkers import Askers, Talkers
from tests.fuzz.watch import Finding, judged

# Of a thousand turns: commands to the twins, talks with a mad card (each many inputs), the rest to the parsers.
ASKS, TALKS = 300, 15
MOST_FINDINGS = 20


@dataclass
class Campaign:
    """What came of it. `inputs` counts byte strings handed to code under test; `slowest_ms` is CPU time of one turn."""

    seed: int
    inputs: int = 0
    slowest_ms: int = 0
    slowest: str = ""
    by_target: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def took(self, target: str, began: float, count: int) -> None:
        """One turn is over."""
        spent = round((time.process_time() - began) * 1000)
        self.inputs += count
        self.by_target[target] += count
        if spent > self.slowest_ms:
            self.slowest_ms, self.slowest = spent, target

    def found(self, finding: Finding | None) -> None:
        """Keep it unless the same place is known."""
        if finding and not any(finding.trace == known.trace for known in self.findings):
            self.findings.append(finding)


def run(seed: int, wanted: int) -> Campaign:
    """`wanted` inputs, or fewer when twenty different findings were made before."""
    inputs = Inputs(seed, "fuzz")
    campaign, talkers = Campaign(seed), Talkers(inputs)
    askers, wheel = Askers(inputs, talkers), _wheel(parsers(inputs))
    while campaign.inputs < wanted and len(campaign.findings) < MOST_FINDINGS:
        turn = inputs.below(1000)
        began = time.process_time()
        if turn < ASKS:
            name, content, work = askers.ask()
            campaign.found(judged(name, content, work))
            campaign.took(name, began, 1)
        elif turn < ASKS + TALKS:
            name, channel, work = talkers.talk()
            finding = judged(name, b"", work)
            if finding:
                finding = Finding(name, finding.kind, b"|".join(answer for answer in channel.answers), finding.trace)
            campaign.found(finding)
            campaign.took(name, began, len(channel.answers))
        else:
            parser = wheel[inputs.below(len(wheel))]
            content = _content(inputs, parser)
            campaign.found(judged(parser.name, content, partial(parser.work, content), parser.allowed))
            campaign.took(parser.name, began, 1)
    return campaign


def _wheel(all_parsers: tuple[Parser, ...]) -> list[Parser]:
    return [parser for parser in all_parsers for _ in range(parser.share)]


def _content(inputs: Inputs, parser: Parser) -> bytes:
    if inputs.odds(25):
        return inputs.noise()
    good = parser.good[inputs.below(len(parser.good))]
    return inputs.damaged(good, parser.good) if inputs.odds(90) else good
