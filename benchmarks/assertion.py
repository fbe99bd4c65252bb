"""Score the assertion rules on the annotated mentions, and measure their speed; writes its own report."""

import json
import time
from pathlib import Path
from typing import Any

import click

from nlpie_models.documents import Entity
from nlpie_models.documents.assertion import assert_entities
from nlpie_models.evaluation.results import provenance
from nlpie_models.files import write_whole
from nlpie_models.scoring import Outcomes, count_labels

ROOT = Path(__file__).parent.parent
MENTIONS = ROOT / "tests" / "reference" / "assertion" / "mentions.jsonl"
REPORT = ROOT / "benchmarks" / "assertion.json"
MEGABYTE = 1_000_000


@click.command()
@click.option("--output", type=click.Path(path_type=Path), default=REPORT, help="Where to write the report.")
def main(output: Path) -> None:
    """Print and write precision, recall and F1 of each class, and the seconds that 1 MB of notes takes."""
    rows = [json.loads(line) for line in MENTIONS.read_text(encoding="utf-8").splitlines()]
    natural = [row for row in rows if row["sample"] == "natural"]
    report = {
        "mentions": len(rows),
        "all": score(rows),
        "natural_sample": score(natural),
        "seconds_per_megabyte": round(measure_seconds(rows), 3),
        **provenance("python", "benchmarks/assertion.py"),
    }
    for label, scores in report["all"]["labels"].items():
        click.echo(f"{label:<12} P {scores['precision']:.3f}  R {scores['recall']:.3f}  F1 {scores['f1']:.3f}")
    click.echo(f"1 MB with its mentions: {report['seconds_per_megabyte']} s")
    with write_whole(output, overwrite=True) as temporary:
        temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def score(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the scores of the rules on labelled mentions."""
    found = [assert_entities(row["text"], [entity_of(row)])[0].assertion or "affirmed" for row in rows]
    return Outcomes.of([count_labels(row["assertion"], label) for row, label in zip(rows, found, strict=True)]).scores()


def entity_of(row: dict[str, Any], offset: int = 0) -> Entity:
    """Return a row's mention, its text standing at ``offset``."""
    start, end = row["start"], row["end"]
    return Entity(start + offset, end + offset, row["label"], row["text"][start:end])


def measure_seconds(rows: list[dict[str, Any]]) -> float:
    """Return the best of three runs over 1 MB of the rows' texts with a mention about every 70 characters."""
    pieces: list[str] = []
    entities: list[Entity] = []
    length = 0
    while length < MEGABYTE:
        row = rows[len(pieces) % len(rows)]
        for start in range(row["start"] % 70, len(row["text"]) - 5, 70):
            entities.append(Entity(length + start, length + start + 5, "problem", row["text"][start : start + 5]))
        pieces.append(row["text"] + "\n\n")
        length += len(pieces[-1])
    text = "".join(pieces)
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        assert_entities(text, entities)
        taken.append(time.perf_counter() - began)
    return min(taken) * MEGABYTE / length


if __name__ == "__main__":
    main()
