"""How often tests and intervals of several differences err, by simulation.

    python benchmarks/error_rates.py PART [REPEATS]

PART is pair, joint, omnibus, margin, order, sweep, tasks, crossed or heavy.

Prints, for each cell of its part, the percentage of data sets in which a test rejects what is
true (at 5 %), or in which an interval holds the truth (at 95 %). With 400 REPEATS (the default)
a rate of 5 % is known to within 2.1 points (95 %).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import product
from statistics import NormalDist
from typing import get_args

import numpy as np

from mubench_gen.ablation.statistics.effects import decompose
from mubench_gen.ablation.statistics.ranks import mean_tau, rank_stability
from mubench_gen.ablation.statistics.spread import by_image, intervals
from mubench_gen.interpolation.sweep.choice import Halves, cross_fitted, equally_good, gain_over
from mubench_gen.scores.crossing import ways_of
from mubench_gen.scores.joint import Adjust, Floats, adjust, max_of_normals
from mubench_gen.scores.paired import compare_pair, verdict
from mubench_gen.scores.pooling import pooled
from mubench_gen.scores.wald import wald

_NORMAL = NormalDist()


def pair(repeats: int) -> None:
    """Two equal models; the items of an image go together by the correlation."""
    print("images  items an image  discordant  correlation  rejected  contradicts its interval")
    cells = [*product((20, 40, 100, 400), ("1",), (0.05, 0.1, 0.2, 0.4), (0.0,)),
             *product((20, 40, 100), ("5", "1, 2, …"), (0.2,), (0.0, 0.3, 0.8))]  # fmt: skip
    for images, sizes, discordant, correlation in cells:
        wrong = torn = 0
        for seed in range(repeats):
            drawn = np.random.default_rng(seed)
            each = {"1": np.ones(images, int), "5": np.full(images, 5)}.get(
                sizes, np.minimum(drawn.geometric(0.25, images), 40)
            )
            image = np.repeat(np.arange(images), each)
            lean = np.full(images, 0.5)
            if correlation:
                about = 0.5 * (1 - correlation) / correlation
                lean = drawn.beta(about, about, images)
            sign = np.where(drawn.random(len(image)) < lean[image], 1, -1)
            apart = sign * (drawn.random(len(image)) < discordant)
            found = compare_pair(apart > 0, apart < 0, image)
            wrong += found.p < 0.05
            torn += (found.p < 0.05) != (found.ci95[0] > 0 or found.ci95[1] < 0)
        print(f"{images:6}  {sizes:>14}  {discordant:10.2f}  {correlation:11.1f}  "
              f"{100 * wrong / repeats:8.1f}  {torn:24}", flush=True)  # fmt: skip


def joint(repeats: int) -> None:
    """20 differences, half of them with an effect, which are near-copies or apart."""
    print("images  shared  true differences  any wrong: max-T  Holm  found of them: max-T  Holm")
    for images, shared, effect in product((60, 300), (0.0, 0.9), (0.0, 2.5, 4.0)):
        wrong, found = np.zeros(2), np.zeros(2)
        for seed in range(repeats):
            drawn = np.random.default_rng(seed)
            totals = np.sqrt(shared) * drawn.normal(size=(images, 1))
            totals = totals + np.sqrt(1 - shared) * drawn.normal(size=(images, 20))
            totals[:, :10] += effect / np.sqrt(images)
            scores = totals.sum(axis=0) / np.sqrt((totals**2).sum(axis=0))
            chances = [2 * _NORMAL.cdf(-abs(score)) for score in scores]
            for place, how in enumerate(get_args(Adjust)[:2]):
                told = np.array(adjust(chances, totals, how=how, seed=seed).adjusted)
                wrong[place] += bool((told[10 if effect else 0 :] < 0.05).any())
                found[place] += (told[:10] < 0.05).mean() if effect else 0
        rates = 100 * np.concatenate([wrong, found]) / repeats
        print(f"{images:6}  {shared:6.1f}  {effect:16.1f}  {rates[0]:16.1f}  {rates[1]:4.1f}  "
              f"{rates[2]:20.1f}  {rates[3]:4.1f}", flush=True)  # fmt: skip


def omnibus(repeats: int) -> None:
    """Three equal models, of which two are near-copies."""
    print("images  answered apart by the copy  rejected")
    for images, few in product((40, 100, 300), (0.02, 0.1, 0.3)):
        wrong = 0
        for seed in range(repeats):
            drawn = np.random.default_rng(seed)
            ease = drawn.random(images)
            one, other, again = drawn.random((3, images)) < ease
            copy = np.where(drawn.random(images) < few, again, one)
            three = np.stack([one, copy, other], axis=1).astype(float)
            wrong += wald(three[:, 1:] - three[:, :1], seed=seed).p <= 0.05
        print(f"{images:6}  {few:26.2f}  {100 * wrong / repeats:8.1f}", flush=True)


def margin(repeats: int) -> None:
    """A model that is truly worse by just the margin, or equal: called no worse, equivalent."""
    print("images  discordant  true difference  no worse by 5  equivalent")
    for images, discordant, true in product((100, 400, 1_600), (0.1, 0.3), (-0.05, 0.0)):
        told: list[str] = []
        shares = (discordant + true) / 2, (discordant - true) / 2
        for seed in range(repeats):
            counts = np.random.default_rng(seed).multinomial(images, [*shares, 1 - discordant])
            apart = np.repeat([1, -1, 0], counts)
            found = compare_pair(apart > 0, apart < 0, np.arange(images))
            told.append(verdict(found.ci95, 0.05))
        worse = sum(one in ("no worse", "equivalent", "better") for one in told)
        print(f"{images:6}  {discordant:10.1f}  {true:15.2f}  {100 * worse / repeats:13.1f}  "
              f"{100 * told.count('equivalent') / repeats:10.1f}", flush=True)  # fmt: skip


def order(repeats: int) -> None:
    """Models × cells on the same items, one an image; half of the ease is the item's own."""
    print("models  cells  items  interaction  true τ  observed  estimate  held  not known")
    for (models, cells), items, kind in product(
        ((4, 4), (6, 12)), (100, 400), ("none", "some", "any")
    ):
        held, known, taus = [], [], []
        for seed in range(repeats):
            drawn = np.random.default_rng(seed)
            spread = drawn.choice([0.02, 0.05, 0.1])
            share = {"none": 1.0, "some": 0.5}.get(kind, drawn.random())
            true = 0.6 + spread * np.sqrt(share) * drawn.normal(size=(models, 1))
            true = true + spread * np.sqrt(1 - share) * drawn.normal(size=(models, cells))
            ease = 0.7 * drawn.normal(size=(items, 1, 1)) + np.sqrt(0.51 / 2) * (
                drawn.normal(size=(items, models, 1)) + drawn.normal(size=(items, models, cells))
            )
            limits = np.vectorize(_NORMAL.inv_cdf)(true.clip(0.02, 0.98))
            right = (ease < limits).astype(float).reshape(items, -1)
            table = by_image(right, np.arange(items))
            scores = table.means.reshape(models, cells)
            found = rank_stability(scores, table.influences(), seed=seed, draws=600)
            truth = float(mean_tau(true[None])[0])
            low, high = found.tau_ci95 or (1.0, -1.0)
            held.append(low - 1e-9 <= truth <= high + 1e-9)
            known.append(found.known)
            taus.append([truth, found.raw_tau or 0.0, found.tau or 0.0])
        means = np.mean(taus, axis=0)
        print(f"{models:6}  {cells:5}  {items:5}  {kind:>11}  {means[0]:6.2f}  {means[1]:8.2f}  "
              f"{means[2]:8.2f}  {100 * np.mean(held):4.1f}  {100 - 100 * np.mean(known):9.1f}",
              flush=True)  # fmt: skip


def sweep(repeats: int) -> None:
    """Eleven α on the same items, two an image: no gain anywhere, or a hump."""
    print("gains  images  band holds  best in set  α in set  gain of choosing: true  estimate  "
          "best observed  held")  # fmt: skip
    alphas = np.linspace(0, 1, 11)
    shapes = {"none": 0 * alphas, "hump": 0.3 * alphas - 0.25 * alphas**3}
    for (name, gains), images in product(shapes.items(), (60, 200, 600)):
        limits = np.array([_NORMAL.inv_cdf(0.55 + gain) for gain in gains])
        band, best, sizes, held, told = [], [], [], [], []
        for seed in range(repeats):
            halves = _swept(limits, images, seed)
            rows, freedom = halves.apart(0)
            error = np.sqrt((rows**2).sum(axis=0))
            limit = max_of_normals(rows, freedom, seed=seed)
            seen = halves.means - halves.means[0]
            band.append((np.abs(seen - gains) <= limit * error + 1e-9).all())
            good = equally_good(halves, seed=seed)
            best.append(int(np.argmax(gains)) in good)
            sizes.append(len(good))
            found = cross_fitted(halves, seed=seed, repeats=20)
            assert found is not None
            gain, (low, high) = gain_over(0, found, halves, seed=seed)
            true = float(found.chosen @ gains)
            held.append(low - 1e-9 <= true <= high + 1e-9)
            told.append([true, gain, seen.max()])
        means = 100 * np.mean(told, axis=0)
        print(f"{name:>5}  {images:6}  {100 * np.mean(band):10.1f}  {100 * np.mean(best):11.1f}  "
              f"{np.mean(sizes):8.1f}  {means[0]:22.1f}  {means[1]:8.1f}  {means[2]:13.1f}  "
              f"{100 * np.mean(held):4.1f}", flush=True)  # fmt: skip


def _swept(limits: Floats, images: int, seed: int) -> Halves:
    drawn = np.random.default_rng(seed)
    items = 2 * images
    ease = np.empty((items, len(limits)))
    ease[:, 0] = drawn.normal(size=items)
    for place in range(1, len(limits)):
        ease[:, place] = 0.9 * ease[:, place - 1] + np.sqrt(0.19) * drawn.normal(size=items)
    inside = np.arange(items) % 2 == 0
    return Halves.of((ease < limits).astype(float), np.arange(items) // 2, inside, ~inside)


def tasks(repeats: int) -> None:
    """Two models on tasks with few items: how far scores and differences are from the truth."""
    print("tasks  items  model × task  error of a score: raw  shrunken  of a difference: raw  "
          "shrunken  interval held")  # fmt: skip
    for number, items, spread in ((20, 8, 0.0), (20, 8, 0.3), (10, 40, 0.3)):
        errors, held = [], []
        for seed in range(max(1, repeats // 20)):
            drawn = np.random.default_rng(seed)
            task = np.repeat(np.arange(number), items)
            ability = drawn.normal(0.5, 0.8, number) + drawn.normal(0, 0.3, (2, 1))
            ability = ability + drawn.normal(0, spread, (2, number))
            hard = drawn.normal(size=len(task))
            noise = np.random.default_rng(0).normal(size=2_000)
            true = (1 / (1 + np.exp(noise - ability[:, :, None]))).mean(axis=2)
            chance = 1 / (1 + np.exp(hard - ability[:, task]))
            values = (drawn.random((2, len(task))) < chance).astype(float).T
            found = pooled(values, task, seed=seed)
            assert found is not None
            raw = np.stack([np.bincount(task, column) / items for column in values.T])
            told = [found.difference(0, 1, t) for t in range(number)]
            apart = true[0] - true[1]
            held += [o.ci95[0] <= t <= o.ci95[1] for o, t in zip(told, apart, strict=True)]
            shrunken = np.array([one.difference for one in told])
            errors.append([((raw - true) ** 2).mean(), ((found.means - true) ** 2).mean(),
                           ((raw[0] - raw[1] - apart) ** 2).mean(),
                           ((shrunken - apart) ** 2).mean()])  # fmt: skip
        rms = 100 * np.sqrt(np.mean(errors, axis=0))
        print(f"{number:5}  {items:5}  {spread:12.1f}  {rms[0]:21.1f}  {rms[1]:8.1f}  "
              f"{rms[2]:20.1f}  {rms[3]:8.1f}  {100 * np.mean(held):13.1f}",
              flush=True)  # fmt: skip


def crossed(repeats: int) -> None:
    """Four equal cells on items that are alike by slide and by plate, one where these cross."""
    print("slides  plates  clustered by  accuracy held  effect held  any wrong: max-T  Wald")
    for slides, plates in ((10, 10), (10, 40), (25, 25), (40, 40)):
        slide, plate = np.divmod(np.arange(slides * plates), plates)
        both = np.stack([slide, plate], axis=1)
        seen = {"slide": [0] * 4, "slide and plate": [0] * 4}
        for seed in range(repeats):
            drawn = np.random.default_rng(seed)
            ease = drawn.normal(size=(len(slide), 1)) + 0.4 * drawn.normal(size=(len(slide), 4))
            for codes, count in ((slide, slides), (plate, plates)):
                ease += (
                    0.35 * (drawn.normal(size=(count, 1)) + drawn.normal(size=(count, 4)))[codes]
                )
            right = (ease < 0).astype(float)
            apart = (right[:, 1:] - right[:, :1]) / len(right)
            for found, codes in zip(seen.values(), (slide, both), strict=True):
                table = by_image(right, codes)
                low, high = intervals(table)[0]
                effect = decompose(table, _TWO, seed=seed, draws=2).effects[0].levels[0].ci95
                each, *also = (
                    np.stack([np.bincount(way, x).astype(float) for x in apart.T], axis=1)
                    for way in ways_of(codes)
                )
                told = adjust([0.0] * 3, each, also=also, seed=seed).adjusted
                rates = (low <= 0.5 <= high, effect[0] <= 0 <= effect[1], min(told) < 0.05,
                         wald(each, also=also, seed=seed).p < 0.05)  # fmt: skip
                found[:] = [total + one for total, one in zip(found, rates, strict=True)]
        for name, found in seen.items():
            held, effect_held, wrong, overall = (100 * total / repeats for total in found)
            print(f"{slides:6}  {plates:6}  {name:>15}  {held:13.1f}  {effect_held:11.1f}  "
                  f"{wrong:16.1f}  {overall:4.1f}", flush=True)  # fmt: skip


def heavy(repeats: int) -> None:
    """Four equal cells (or α), a tenth of the images with 50 items and the others with 2."""
    print("images  correlation  effect held  effect found  band holds  best in set")
    for images, spread in product((20, 50, 200), (0.3, 0.8)):
        many = images // 10
        image = np.repeat(np.arange(images), np.r_[[50] * many, [2] * (images - many)])
        inside, shape = np.arange(len(image)) % 2 == 0, (len(image), 4)
        seen = [0] * 4
        for seed in range(repeats):
            drawn = np.random.default_rng(seed)
            ease = 0.5 * (drawn.normal(size=(len(image), 1)) + drawn.normal(size=shape))
            ease += spread * drawn.normal(size=(images, 4))[image]
            right = (ease < 0).astype(float)
            effect = decompose(by_image(right, image), _TWO, seed=seed, draws=2).effects[0]
            low, high = effect.levels[0].ci95
            halves = Halves.of(right, image, inside, ~inside)
            rows, freedom = halves.apart(0)
            limit = max_of_normals(rows, freedom, seed=seed) * np.sqrt((rows**2).sum(axis=0))
            apart = np.abs(halves.means - halves.means[0])
            rates = (low <= 0 <= high, (effect.p or 0) < 0.05, (apart <= limit + 1e-9).all(),
                     1 in equally_good(halves, seed=seed))  # fmt: skip
            seen = [total + bool(one) for total, one in zip(seen, rates, strict=True)]
        held, found, band, best = (100 * total / repeats for total in seen)
        print(f"{images:6}  {spread**2 / (spread**2 + 0.5):11.2f}  {held:11.1f}  {found:12.1f}  "
              f"{band:10.1f}  {best:11.1f}", flush=True)  # fmt: skip


_TWO = [("a", ("x", "y")), ("b", ("u", "v"))]

PARTS: dict[str, Callable[[int], None]] = {
    "pair": pair, "joint": joint, "omnibus": omnibus, "margin": margin, "order": order,
    "sweep": sweep, "tasks": tasks, "crossed": crossed, "heavy": heavy,
}  # fmt: skip


def main() -> None:
    wanted, repeats = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 400
    PARTS[wanted](repeats)


if __name__ == "__main__":
    main()
