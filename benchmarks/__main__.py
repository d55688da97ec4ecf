"""`./run python -m benchmarks`: run the benchmarks, or parts of them, and write the results."""

from __future__ import annotations

import time
from pathlib import Path

import click

from benchmarks import page, results
from benchmarks.parts import PARTS, UnknownPart, choose
from benchmarks.tables import terminal
from benchmarks.terminal import elapsed, run

OUTPUT = Path(__file__).parents[1] / ".artifacts/benchmarks"
PAIRS = 5


@click.command()
@click.argument("parts", nargs=-1)
@click.option("--list", "is_list", is_flag=True, help="List the parts, and end.")
@click.option("--pairs", default=PAIRS, show_default=True, help="How often each side is measured.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=OUTPUT,
    help="The directory for benchmarks.json, benchmarks.md and plots. [default: .artifacts/…]",
)
@click.option("--write", is_flag=True, help="Write the results into the documentation, too.")
def main(parts: tuple[str, ...], is_list: bool, pairs: int, output: Path, write: bool) -> None:
    """Compare the bundle with the documented way, in all PARTS or in the named ones.

    A part that fails is reported at the end, and the other parts run.
    """
    if is_list:
        for part in PARTS:
            note = "" if part.is_default else ", only if it is named"
            click.echo(f"{part.name:15} {part.title} ({part.minutes:g} minutes a pair{note})")
        return
    try:
        chosen = choose(parts)
    except UnknownPart as unknown:
        raise click.UsageError(str(unknown)) from unknown
    failed = []
    began = time.monotonic()
    for number, part in enumerate(chosen, 1):
        click.echo(f"part {number} of {len(chosen)}, {elapsed(time.monotonic() - began)}")
        try:
            found = run(part.name, part.load(), pairs)
        except (Exception, SystemExit) as error:
            click.echo(f"{part.name} failed: {error}", err=True)
            failed.append(part.name)
            continue
        click.echo(f"\n{terminal(found)}\n")
        _store(output / "benchmarks.json", part.name, found)
        page.write_alone(output)
        if write:
            _store(page.RESULTS, part.name, found)
            page.write()
    click.echo(f"The results are in {output}")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _store(path: Path, name: str, found: results.PartResult) -> None:
    """Replace a part in a file of results, which keeps the other parts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(results.dump({**results.load(path), name: found}), "utf-8")


if __name__ == "__main__":
    main()
