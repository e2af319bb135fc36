"""Print the plan for a workload; each of its numbers is an option."""

from __future__ import annotations

import argparse
import inspect
import math
import re
import sys
from dataclasses import MISSING, fields

from capacity import page
from capacity.plan import Plan, Workload


def main() -> None:
    """Read the options, and print the plan or write the page."""
    parser = argparse.ArgumentParser(prog="python -m capacity", description=__doc__)
    told = dict(re.findall(r":param (\w+): (.*)", inspect.cleandoc(Workload.__doc__ or "")))
    for option in fields(Workload):
        name, default = f"--{option.name.replace('_', '-')}", option.default
        if default is MISSING:
            default = page.price(page.MODELS[0])
        if isinstance(default, bool):
            parser.add_argument(name, action="store_true", help=told[option.name])
        else:
            words = f"{told[option.name]} (default: {default:,})"
            parser.add_argument(name, type=type(default), default=default, help=words)
    parser.add_argument("--write-page", action="store_true", help="Write the tables of docs/howto/million.md anew")
    options = vars(parser.parse_args())
    if options.pop("write_page"):
        page.write()
        return
    try:
        workload = Workload(**options)
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(told_of(Plan(workload)))


def told_of(plan: Plan) -> str:
    """Return a plan in words."""
    load = plan.workload
    bounds = [
        f"  {bound.a_second * 60:12,.0f} a minute  {bound.name}: {bound.remedy}"
        for bound in plan.bounds
        if bound.a_second < math.inf
    ]
    lines = [
        f"{load.pictures:,} pictures: {page.duration(plan.hours)}, {plan.bottleneck.a_second * 60:,.0f} a minute.",
        f"The first bottleneck is the {plan.bottleneck.name}: {plan.bottleneck.remedy}. All bounds:",
        *bounds,
        f"Workers that use the quota up: {plan.workers_for_quota:,}.",
        f"Memory of each for its calls under way: {plan.memory_mib:,.0f} MiB.",
        f"Model: {plan.model_usd:,.2f} USD at most. Workers: {plan.workers_usd:,.2f} USD.",
        f"S3: {plan.requests_usd:,.2f} USD for requests, {plan.storage_usd_a_month:,.2f} USD a month for storage.",
        f"Paid twice: {plan.repeated:,.0f} calls whose answer is lost.",
        f"Killed: {plan.kills:,.0f} times; at most {plan.repeated_by_kills:,.0f} calls are paid again.",
        f"Without a picture: {plan.blocked:,.0f} by the content filter, {plan.unfinished:,.0f} by two lost answers.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
