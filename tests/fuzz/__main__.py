"""Bad input by the million: python -m tests.fuzz [--inputs 1000000] [--seed 1]; status 1 when something was found."""

import argparse
import sys
import time

from tests.fuzz.campaign import run


def main(argv: list[str]) -> int:
    """Run one campaign and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="bad input for parsers, sessions, twins")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    began = time.monotonic()
    campaign = run(options.seed, options.inputs)
    for target, count in sorted(campaign.by_target.items()):
        print(f"  {target:<34} {count:>10,}")
    for finding in campaign.findings:
        print(finding)
    print(
        f"bad input: {campaign.inputs:,} inputs, seed {options.seed}, {len(campaign.findings)} findings, "
        f"slowest {campaign.slowest_ms} ms of CPU ({campaign.slowest}), {time.monotonic() - began:.0f} s"
    )
    return 1 if campaign.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
