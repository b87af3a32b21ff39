"""Puts a report together: the template escapes whatever it is given, since names and errors are users' own."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from service.archive import Archive
from service.pickwords import folk_words, luck_words, stability_words
from service.records import TrialRecord
from service.report import pictures
from service.report.answer import answer, pick_params
from service.report.cautions import cautions
from service.report.cost import cost_sentences, costs, duration
from service.report.material import Material, gather
from service.tracking.naming import short_text
from sweeps.importance import FEWEST
from sweeps.paramnames import bare_names
from sweeps.records import Proposal
from sweeps.rules import RULES

_TRIALS = 300
"""Trials in the table at the end: the best. `lrsweep export` has all of them."""

_EVIDENCE = {"wins again": luck_words, "at multiples": stability_words, "folk grid": folk_words}
"""What stands beside picks where there is enough to say it from, or where it was trained for."""


def report_html(archive: Archive, sweep_id: str) -> str:
    """The report of one sweep, at whatever stage it is. Raises UserError if there is none of that id."""
    material = gather(archive, sweep_id)
    return _template().render(
        sweep=material.sweep,
        spec=material.spec,
        spec_text=yaml.safe_dump(dict(material.sweep.spec), sort_keys=False, allow_unicode=True),
        made=datetime.now(UTC),
        answer=answer(material),
        cautions=cautions(material),
        evidence={name: words for name, words in _EVIDENCE.items() if any(map(words, material.picks))},
        picks=[(pick, pick_params(pick)) for pick in material.picks],
        sensitivity=pictures.sensitivity(material),
        best_curves=pictures.best_curves(material),
        shapes=pictures.shapes(material),
        range_tests=pictures.range_tests(material),
        rules=_rules(material),
        importance=pictures.importance(material),
        fewest=FEWEST,
        timeline=pictures.timeline(material),
        costs=costs(material.trials),
        cost_sentences=cost_sentences(material),
        duration=duration,
        trials=[(trial, _params(trial.proposal)) for trial in _best_first(material)[:_TRIALS]],
        more=max(0, len(material.trials) - _TRIALS),
    )


@cache
def _template() -> Template:
    folder = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["longest_word"] = lambda text: max(map(len, str(text).split()), default=0)
    return environment.get_template("page.html")


def _rules(material: Material) -> list[tuple[str, str, Sequence[str]]]:
    """Every rule with its meaning and what it reads off each range test."""
    readings = material.readings.values()
    return [
        (name, rule.meaning, ["-" if of_test[name].lr is None else f"{of_test[name].lr:.2g}" for of_test in readings])
        for name, rule in RULES.items()
        if readings
    ]


def _best_first(material: Material) -> list[TrialRecord]:
    sign = 1.0 if material.spec.objective.direction == "minimize" else -1.0
    return sorted(
        material.trials,
        key=lambda trial: (trial.value is None, sign * (trial.value or 0.0), trial.proposal.number),
    )


def _params(proposal: Proposal) -> str:
    params = bare_names(proposal.params, proposal.optimizer, proposal.scheduler)
    return ", ".join(f"{name} {short_text(value)}" for name, value in params.items())
