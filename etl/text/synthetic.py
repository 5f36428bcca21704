"""A corpus of any size for measuring: made-up abstracts of which a known share is about a problem.

Every sentence is a template written for the project, filled by chance; no value in it means anything. Document n of a
seed is always the same, however many are made at once.
"""

import string
from collections.abc import Iterator

import numpy as np
import polars as pl

from etl.text.keywords import Keywords, load_keywords
from schemas.errors import InputError

BLOCK = 10_000
SENTENCES = 7
_POOL = 3000
_NEAR_SHARE = 0.008  # hold a phrase and are about something else; as among 70,782 arXiv abstracts of all fields
_BACKGROUND = (
    "We study {thing} in {setting} and compare the outcome with {number} earlier {works}.",
    "Our {method} reaches an accuracy of {number} percent while its cost grows only with the logarithm of the {size}.",
    "The {works} are based on {number} samples that were collected over {small} years in {setting}.",
    "A {kind} model of {thing} explains why the {size} falls so quickly once the {thing} is switched off.",
    "It turns out that {thing} can be described by {small} parameters, all of which follow from {method}.",
    "Errors of the {method} are dominated by the {size}, which we estimate from {number} independent runs.",
    "Beyond the {kind} limit the {thing} shows a plateau whose height depends on the {size} alone.",
    "We release the data of all {number} cases together with the scripts that made the figures of this article.",
    "Earlier {works} left open whether {thing} survives in {setting}; here we answer that for {small} cases.",
    "The {kind} approach needs neither a fit nor a guess of the {size}, and it converges in {small} steps.",
    "Near the edge of the {setting} the {thing} slows down by a factor of {small}, in line with {method}.",
    "In contrast to {method}, the new scheme keeps the {size} bounded for every {kind} choice of the input.",
    "Measurements between {number} and {number} units show that the {size} scales with the square of the {thing}.",
    "A survey of {number} {works} suggests that {thing} and {size} are less correlated than is often assumed.",
    "We prove that every {kind} family of {thing} has a subsequence along which the {size} stays finite.",
    "The instrument records {number} frames a second and stores them in {small} streams without loss.",
    "Finally we discuss how {setting} could benefit from {method}, and which {works} would be needed first.",
    "For {thing} the {kind} correction amounts to {small} percent, far below the spread of {number} {works}.",
    "This letter reports {thing} with a {size} that had been out of reach of {method} so far.",
    "Under {kind} conditions the {thing} splits into {small} branches that cross at a {size} of {number}.",
)
_NEAR = (
    "All spectra were taken at 300 K with a resolution of {small} channels.",
    "The set of stable points forms a convex hull around the {thing} of the {kind} problem.",
    "A metastable branch of {thing} decays after {number} steps of {method}.",
    "The critical temperature of the {kind} model was found by {method} on {number} lattices.",
    "Only the singlet channel of the {thing} contributes to the {size} in this {setting}.",
)
_RELEVANT = (
    "We find {phrase} in {formula} and follow it from {number} down to {small} degrees.",
    "In thin films of {formula} the {phrase} depends on strain, as {works} on {small} substrates show.",
    "Calculations for {formula} place the onset of {phrase} close to a {size} of {number}.",
    "Both {phrase} and {other} are seen in {formula}, and pressure separates the two.",
    "The role of {phrase} for {formula} has been disputed; our {works} settle it for {small} compositions.",
    "Doping {formula} weakens the {phrase} until the {other} takes over at {small} percent.",
    "A sharp change of the {size} marks the {phrase} of {formula} on cooling.",
    "From {number} crystals of {formula} we learn how {phrase} and structure go together.",
)
_TITLES = (
    "On {thing} in {setting}",
    "{method} for {thing}",
    "A {kind} view of {thing} and its {size}",
    "How {thing} depends on the {size}",
    "{works} of {thing} by {method}",
)
_RELEVANT_TITLES = ("{phrase} in {formula}", "Origin of the {phrase} of {formula}", "{phrase} and {other} in {formula}")
_SLOTS = {
    "thing": ("turbulent mixing", "spectral lines", "random graphs", "galaxy rotation", "protein folding",
        "wave packets", "sparse codes", "neutrino fluxes", "queueing delays", "surface waves", "prime gaps"),
    "setting": ("rotating frames", "open networks", "early galaxies", "shallow water", "finite fields", "dense plasmas",
        "urban traffic", "curved spaces", "noisy channels", "porous rocks"),
    "method": ("maximum likelihood", "a renormalised expansion", "Monte Carlo sampling", "deep regression",
        "kernel methods", "adaptive meshing", "two-point functions", "convex relaxation", "time-resolved imaging"),
    "kind": ("linear", "stationary", "sparse", "isotropic", "weakly coupled", "hierarchical", "slowly varying"),
    "size": ("correlation length", "optical depth", "mixing time", "mean degree", "decay rate", "noise floor"),
    "works": ("experiments", "simulations", "observations", "studies", "surveys", "measurements"),
    "formula": ("VO$_2$", "V2O3", "NdNiO3", "SmNiO$_3$", "Fe3O4", "LaCoO3", "Ca2RuO4", "TaS$_2$", "GaTa4Se8", "Ti2O3",
        "NbO2", "PrNiO3", "BaVS3", "YBaCo2O5", "CuIr2S4"),
}  # fmt: skip


def corpus(
    documents: int, *, relevant: float = 0.0175, seed: int = 0, keywords: Keywords | None = None
) -> Iterator[pl.DataFrame]:
    """Frames of `document_id`, `title` and `abstract`, about 1 kB a document, at most `BLOCK` rows each.

    Args:
        documents: how many; the first frame comes even if there is none.
        relevant: share of documents about the problem; 1.75 % is what a keyword search keeps of millions of articles
            in the framework.
        seed: of everything random.
        keywords: the problem's phrases; the MIT list unless given.

    Raises:
        InputError: a share that is none.
    """
    if not 0 <= relevant <= 1:
        raise InputError.of(f"a share of {relevant}", "relevant", "give a number from 0 to 1")
    pools = _pools(np.random.default_rng((seed, 0)), keywords or load_keywords())
    for start in range(0, max(documents, 1), BLOCK):
        rng = np.random.default_rng((seed, 1, start))
        yield _block(rng, pools, start, relevant).head(documents - start)


def _block(rng: np.random.Generator, pools: dict[str, pl.Series], start: int, relevant: float) -> pl.DataFrame:
    about = rng.random(BLOCK) < relevant
    parts = [pools["background"].gather(rng.integers(_POOL, size=BLOCK)) for _ in range(SENTENCES)]
    for place, pool, where in (
        (1, "near", rng.random(BLOCK) < _NEAR_SHARE),
        *((place, "relevant", about) for place in (0, 2, 4)),
    ):
        drawn = pools[pool].gather(rng.integers(_POOL, size=BLOCK))
        parts[place] = drawn.zip_with(pl.Series(where), parts[place])
    titles = [pools[name].gather(rng.integers(_POOL, size=BLOCK)) for name in ("relevant titles", "titles")]
    return pl.DataFrame({f"s{n}": part for n, part in enumerate(parts)}).select(
        document_id=pl.format("synthetic:{}", pl.int_range(start, start + BLOCK)),
        title=titles[0].zip_with(pl.Series(about), titles[1]),
        abstract=pl.concat_str(pl.all(), separator=" "),
    )


def _pools(rng: np.random.Generator, keywords: Keywords) -> dict[str, pl.Series]:
    phrases = tuple(k.phrase for k in keywords.keywords if not k.support and not k.case and k.weight >= 1)
    slots = {**_SLOTS, "phrase": phrases, "other": phrases}
    templates = {
        "background": _BACKGROUND, "near": _NEAR, "relevant": _RELEVANT, "titles": _TITLES,
        "relevant titles": _RELEVANT_TITLES,
    }  # fmt: skip
    return {
        name: pl.Series([_filled(rng, texts[n % len(texts)], slots) for n in range(_POOL)])
        for name, texts in templates.items()
    }


def _filled(rng: np.random.Generator, template: str, slots: dict[str, tuple[str, ...]]) -> str:
    made = ""
    for text, slot, _, _ in string.Formatter().parse(template):
        made += text
        if slot == "number":
            made += str(rng.integers(20, 900))
        elif slot == "small":
            made += str(rng.integers(2, 9))
        elif slot:
            made += slots[slot][rng.integers(len(slots[slot]))]
    return made[0].upper() + made[1:]
