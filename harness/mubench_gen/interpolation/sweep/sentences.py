"""What a frontier says in sentences, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mubench_gen.console.numbers import percent
from mubench_gen.interpolation.sweep.frontier import Frontier
from mubench_gen.interpolation.sweep.outputs import words as output_words
from mubench_gen.interpolation.sweep.parts import MEAN
from mubench_gen.interpolation.sweep.words import signed_interval


def answers(found: Frontier) -> list[str]:
    """Sentences that say which α to take, for above all tables."""
    return [*_best(found), _beating(found), *_worth(found), _pareto(found)]


def explained(found: Frontier) -> list[str]:
    """Sentences on what the numbers are of, for below the tables."""
    lines = [
        f"In-domain: {', '.join(found.in_domain)}. Rest: {', '.join(found.rest)}. Mean: of the "
        f"two, half each. On {found.items:,} items that every α answered"
        + (f" ({found.n_excluded:,} left out)" if found.n_excluded else "")
        + "; unanswered is wrong. Intervals are paired by item and clustered by "
        + f"{found.clustered}."
    ]
    lines += [_BANDS[found.adjust], *_parts_explained(found)]
    return lines + ([] if found.mix is None else output_words.explained(found.mix, found.alphas))


def _best(found: Frontier) -> list[str]:
    """Which are the best, as far as the images can tell."""
    chosen = found.chosen
    if chosen is None:
        return [f"No α is recommended: too few {found.noun}s have items in-domain and of the rest."]
    alike = [alpha for alpha in found.alphas if alpha in chosen.equally_good]
    if len(alike) == 1:
        best = found.spoken(chosen.alpha)
        return [f"{best} is the best: all others have a lower mean (95 %)."]
    return [
        f"{_spanned(alike, found)} are equally good: on {chosen.images:,} {found.noun}s none of "
        "them can be said to have a lower mean than the best (95 %)."
    ]


def _beating(found: Frontier) -> str:
    """Which are above the models themselves."""
    if found.beats_both:
        return (
            f"The mean is surely above that of {_both(found)} ends at "
            f"{_listed(found.beats_both, found)}."
        )
    between = "No α between the ends" if not found.models else "Nothing between the ends"
    return f"{between} has a mean that is surely above {_both(found)}."


def _worth(found: Frontier) -> list[str]:
    """What choosing the one with the highest mean is worth on other images."""
    chosen = found.chosen
    if chosen is None:
        return []
    what = "method and α" if found.several else "α"
    return [
        f"{found.spoken(chosen.alpha)} has the highest mean, {percent(chosen.mean_there)} %. "
        f"Choosing {what} so is worth {percent(chosen.mean)} % on other {found.noun}s "
        f"(cross-fitted: {chosen.folds} folds of {found.noun}s, {chosen.repeats} times, seed "
        f"{found.seed}), "
        f"{signed_interval(chosen.over_base)} against the base, "
        f"{signed_interval(chosen.over_finetuned)} against {finetuned_name(found)}; it chose "
        f"{_often(chosen.shares, found)}."
    ]


def _pareto(found: Frontier) -> str:
    if len(found.pareto) < len(found.alphas):
        return (
            f"Pareto points: {_spanned(found.pareto, found)}. Every other one is below one of them "
            "in-domain or on the rest, and above it in neither."
        )
    return (
        f"Every {'one' if found.several else 'α'} is a Pareto point: of two the one is better "
        "in-domain, the other on the rest."
    )


def _parts_explained(found: Frontier) -> list[str]:
    """What parts are, where the published points are from, and whether they can be compared."""
    lines = []
    over = [part.name for part in found.parts if part.mean == "datasets"]
    if found.parts:
        lines.append(
            "Parts in the domain have the data sets of the in-domain tasks, and rest has the others"
            + (f". Means over data sets, which count the same: {'; '.join(over)}." if over else ".")
        )
    if found.published is not None:
        told = found.published
        why = f"They can't be compared with the sweep: {', '.join(told.differs)}. "
        lines.append(
            f"Published points: {told.source}; read off a figure, ± {told.read_off:g} points. "
            f"{why if told.differs else ''}{'. '.join(told.notes)}."
        )
    return lines


_BANDS = {
    "maxt": "Intervals of gains are bands: each column holds all its α at once in 95 % of samples.",
    "holm": "Intervals of gains hold all α at once (Bonferroni).",
    "bh": "Intervals of gains are of each α alone, not of the best of them.",
    "none": "Intervals of gains are of each α alone, not of the best of them.",
}


def _both(found: Frontier) -> str:
    return "all" if found.finetunes else "both"


def _listed(some: Sequence[str], found: Frontier, *, spans: bool = False) -> str:
    """The names ("α 0.3, 0.5", "base, ties 0.3, ties 0.5"); `spans`: "from 0.6 to 0.9" where those
    of a method are neighbours."""
    methods = {point.alpha: point.method for point in found.of(MEAN)}
    lines: dict[str, list[str]] = {}
    for name in some:
        line = name if name in found.models else methods[name] if found.several else "α"
        lines.setdefault(line, []).append(name)
    told = []
    for line, names in lines.items():
        if line in found.models:
            told.append(line)
            continue
        every = [one for one in found.alphas
                 if one not in found.models and line in ("α", methods[one])]  # fmt: skip
        first = every.index(names[0])
        if spans and len(names) > 2 and every[first : first + len(names)] == names:
            ends = (name.removeprefix(f"{line} ") for name in (names[0], names[-1]))
            told.append(f"{line} from {' to '.join(ends)}")
        else:
            between = "; " if any("," in name for name in names) else ", "  # by part there are
            told.append(f"{'' if found.several else 'α '}{between.join(names)}")
    return ", ".join(told)


def _spanned(some: Sequence[str], found: Frontier) -> str:
    return _listed(some, found, spans=True)


def _often(shares: Mapping[str, float], found: Frontier) -> str:
    """What was chosen most often, with its share."""
    ranked = sorted(shares.items(), key=lambda pair: -pair[1])[:3]
    told = [f"{found.spoken(name)} in {percent(share)} %" for name, share in ranked if share > 0]
    return ", ".join(told)


def finetuned_name(found: Frontier) -> str:
    """What the fine-tune is called with which all are compared; of several it is the best."""
    return f"the best fine-tune ({found.finetuned})" if found.finetunes else "the fine-tune"
