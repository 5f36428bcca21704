"""One page a candidate: prediction, evidence, structure, explanation, precedents, recipe, provenance, downloads."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
import polars as pl

from schemas.core import Table
from warehouse.licences import allowed
from warehouse.report import recipe
from warehouse.report.candidates import SIFTED, Screen, gather, known_of
from warehouse.report.insight import Explained
from warehouse.report.parts import Page, Section, listing
from warehouse.report.source import Source

SHOWN = 15
"""Features in the table of contributions."""
SITES = 60
"""Sites in the table under the drawing."""
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the pages draw on, each by formula or structure.

    Attributes:
        structures: rows of core.structures by id.
        features: rows of feat.structure by structure.
        labels: rows of core.labels by formula.
        every_label: what all labels say of a formula, in a few words.
        plans: what the recipe models say, by target.
        metrics: scores of the models by id, as their cards have them.
        explained: why there are no contributions, where there are none.
        contributions, neighbours: of each formula.
    """

    structures: dict[str, Row]
    features: dict[str, Row]
    labels: dict[str, list[Row]]
    every_label: dict[str, str]
    plans: dict[str, recipe.Plan]
    metrics: dict[str, Row]
    explained: Explained
    contributions: dict[str, pl.DataFrame]
    neighbours: dict[str, pl.DataFrame]


def details(source: Source) -> list[Page]:
    """The pages of all candidates that have one, best first."""
    screen = source.once(gather)
    rows = screen.detailed
    if not rows.height:
        return []
    evidence = _evidence(source, screen)
    linked = dict(rows.select("formula", "file").iter_rows())
    return [_page(source, row, evidence, linked) for row in rows.iter_rows(named=True)]


def _evidence(source: Source, screen: Screen) -> Evidence:
    rows = screen.detailed
    wanted = rows["structure_id"].drop_nulls().to_list()
    structures = _some(source, "core.structures", wanted).filter(allowed("licence"))
    features = _some(source, "feat.structure", wanted)
    asked = rows.select("formula", "features", "model_id", "structure_id").join(
        features.drop("oxidation_states", "reasons"), on="structure_id", how="left", maintain_order="left"
    )
    explained = source.insight.explain(asked)
    every = known_of(source.read("core.labels")).select("formula", "known")
    return Evidence(
        structures={r["structure_id"]: r for r in structures.iter_rows(named=True)},
        features={r["structure_id"]: r for r in features.iter_rows(named=True)},
        labels=_grouped(screen.labels),
        every_label=dict(every.iter_rows()),
        plans=recipe.gather(source),
        metrics={i: json.loads(m) for i, m in source.read("meta.models").select("model_id", "metrics").iter_rows()},
        explained=explained,
        contributions={str(k[0]): part for k, part in explained.contributions.group_by("formula")},
        neighbours={str(k[0]): part for k, part in explained.neighbours.group_by("formula")},
    )


def _some(source: Source, name: str, ids: list[str]) -> pl.DataFrame:
    """Rows of a table of structures by id, without reading all texts of a large one."""
    listed = ", ".join("'" + i.replace("'", "''") + "'" for i in ids) or "NULL"
    return source.select(name, f"structure_id IN ({listed})")


def _grouped(labels: pl.DataFrame) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in labels.sort("formula", "source").iter_rows(named=True):
        found.setdefault(row["formula"], []).append(row)
    return found


def _page(source: Source, row: Row, evidence: Evidence, linked: dict[str, str]) -> Page:
    formula, name = row["formula"], f"candidates/{row['file']}"
    structure = evidence.structures.get(row["structure_id"] or "")
    atoms = source.insight.atoms(structure["cif"]) if structure else None
    record = _record(source, row, structure, atoms, evidence)
    files = {f"{name}.json": json.dumps(record, indent=1, ensure_ascii=False, default=str) + "\n"}
    if structure:
        files[f"{name}.cif"] = structure["cif"]
    sections = [
        _prediction(source, row),
        _sifted(source, row),
        _known(evidence.labels.get(formula, [])),
        _structure(structure, atoms),
        _why(source, row, evidence),
        _precedents(row, evidence, linked),
        *recipe.sections(row["file"], formula, evidence.plans.get(formula)),
        _features(source, row, evidence),
        _provenance(source, row, structure, evidence),
        _downloads(row, structure),
    ]
    return Page(
        file=f"{name}.html",
        title=formula,
        lead=_lead(row),
        sections=sections,
        scripts=("structure.js",) if atoms else (),
        files=files,
        menu=False,
    )


def _lead(row: Row) -> str:
    known = f"Labelled {row['known']}" if row["known"] else "Not labelled"
    where = "inside" if row["in_domain"] else "outside"
    said = f"{known}; the model gives p(MIT) = {row['p_mit']:.3f}, {where} its domain."
    return said + (" The compound is in the training data: this is no prediction." if row["known"] else "")


def _prediction(source: Source, row: Row) -> Section:
    table = source.registry["pred.screening"]
    names = ("p_mit", "p_metal", "p_insulator", "label", "conformal_set", "in_domain", "domain_distance", "features")
    return _facts("Prediction", table, row, names)


def _sifted(source: Source, row: Row) -> Section:
    """Where the compound left the funnel and why, or its rank and what there is to object."""
    title = "Funnel"
    if row["stage"] is None:
        return Section(title=title, empty="The compound was not sent through a funnel.")
    return _facts(title, source.registry["pred.candidates"], row, SIFTED)


def _facts(title: str, table: Table, row: Row, names: tuple[str, ...], **more: Any) -> Section:
    """Values with unit and meaning, as the table declares them; what is null is left out."""
    told = [(n, row[n], table.column(n)) for n in names if row.get(n) is not None]
    rows = [(name, value, _unit(column.unit), column.doc) for name, value, column in told]
    return listing(title, ("quantity", "value", "unit", "meaning"), rows, **more)


_UNITS = {
    "1": "", "count": "", "eV_atom": "eV per atom", "angstrom": "Å", "angstrom3": "Å³", "vu": "valence units",
}  # fmt: skip


def _unit(unit: str | None) -> str:
    """A unit as people write it."""
    return _UNITS.get(unit or "1", unit or "")


def _doi_links(dois: Iterable[str | None]) -> dict[str, str]:
    return {doi: f"https://doi.org/{quote(doi)}" for doi in dois if doi}


def _known(labels: list[Row]) -> Section:
    rows = [
        (r["label_name"], r["transition_temperature_K"], "curated" if r["curated"] else "read from text", r["source"],
         r["doi"], r["licence"])
        for r in labels
    ]  # fmt: skip
    header = ("label", "transition (K)", "who says so", "source", "DOI", "licence")
    links = _doi_links(r["doi"] for r in labels)
    return listing("What is known", header, rows, links=links, empty="No label is known: this is a prediction.")


def _structure(structure: Row | None, atoms: Mapping[str, Any] | None) -> Section:
    title = "Structure"
    if structure is None:
        return Section(title=title, empty="No structure is known here: the model read the composition alone.")
    kind = structure["prototype"] or "unnamed structure type"
    if structure["space_group_number"] is not None:
        kind += f", space group no. {structure['space_group_number']}"
    said = f"{kind}, {structure['n_sites']} sites, {structure['volume_angstrom3']:.2f} Å³."
    if structure["fidelity"] == "prototype":
        said += " Substituted into a prototype and scaled, not relaxed: no lattice parameter to quote."
    if atoms is None:
        return Section(title=title, text=said, empty="The structure cannot be drawn: its CIF is refused.")
    said += f" {_cell_words(atoms['lattice_vectors'])}"
    places = np.asarray(atoms["cartesian_site_positions"]) @ np.linalg.inv(np.asarray(atoms["lattice_vectors"]))
    sites = [
        (number, name, *(round(float(x), 4) + 0.0 for x in place))
        for number, (name, place) in enumerate(zip(atoms["species_at_sites"], places, strict=True), start=1)
    ]
    if len(sites) > SITES:
        said += f" The first {SITES} sites are listed."
    cell = json.dumps({k: atoms[k] for k in _DRAWN}, separators=(",", ":"))
    return listing(title, ("site", "species", "x / a", "y / b", "z / c"), sites[:SITES], text=said, cell=cell)


def _cell_words(vectors: Any) -> str:
    """Lengths and angles of a cell."""
    cell = np.asarray(vectors)
    lengths = np.linalg.norm(cell, axis=1)
    cosines = [cell[i] @ cell[j] / (lengths[i] * lengths[j]) for i, j in ((1, 2), (0, 2), (0, 1))]
    angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    a, b, c = (f"{x:.3f}" for x in lengths)
    alpha, beta, gamma = (f"{x:.2f}" for x in angles)
    return f"a = {a}, b = {b}, c = {c} Å; angles {alpha}, {beta}, {gamma} degrees; fractional coordinates below."


_DRAWN = ("lattice_vectors", "cartesian_site_positions", "species_at_sites", "species")


def _why(source: Source, row: Row, evidence: Evidence) -> Section:
    """What the features add to the score."""
    found = evidence.contributions.get(row["formula"])
    if found is None:
        reason = evidence.explained.reason or "the model does not know the compound"
        return Section(title="Why the model says so", empty=f"Not explained: {reason}.")
    size = pl.col("contribution").abs()
    top = found.sort(size, "feature", descending=[True, False]).head(SHOWN)
    rest = float(found["contribution"].to_numpy().sum() - top["contribution"].to_numpy().sum())
    longest = float(top["contribution"].abs().max() or 0) or 1.0  # type: ignore[arg-type]
    rows = [
        (f, v, c, _meaning(source, f)) for f, v, c in top.select("feature", _tidy("value"), "contribution").iter_rows()
    ]
    text = (
        "Exact SHAP values: what each feature adds to the raw score for MIT (log-odds, before calibration). Of the"
        f" model, not of nature. The other {found.height - top.height} features add {rest:+.3f} together."
    )
    header = ("feature", "value", "contribution", "meaning")
    bars = [c / longest for c in top["contribution"]]
    return listing("Why the model says so", header, rows, text=text, bars=bars)


def _tidy(name: str) -> pl.Expr:
    """Without the noise of adding fractions."""
    return pl.when(pl.col(name).abs() < 1e-9).then(0.0).otherwise(name).alias(name)


def _meaning(source: Source, feature: str) -> str:
    column = next((c for t in _FEATURES for c in source.registry[t].columns if c.name == feature), None)
    if column is None:
        return ""
    unit = _unit(column.unit)
    return f"{column.doc} ({unit})" if unit else column.doc


_FEATURES = ("feat.structure", "feat.composition")


def _features(source: Source, row: Row, evidence: Evidence) -> Section:
    """Structure features with their reasons where null, and our own composition features."""
    computed = evidence.contributions.get(row["formula"])
    told = [] if computed is None else computed.select("feature", _tidy("value")).rows()
    values = {feature: value for feature, value in told if not feature.startswith("MagpieData")}
    held = evidence.features.get(row["structure_id"] or "", {})
    reasons = json.loads(held["reasons"]) if held else {}
    values |= {k: v for k, v in held.items() if isinstance(v, float)}
    rows = [(f, v, _meaning(source, f)) for f, v in values.items() if v is not None]
    rows += [(f, "none", f"Not computed: {why}") for f, why in reasons.items()]
    text = "All features, with the 132 of Magpie's preset, are in the JSON file."
    return listing("Features", ("feature", "value", "meaning"), rows, text=text)


def _precedents(row: Row, evidence: Evidence, linked: dict[str, str]) -> Section:
    found = evidence.neighbours.get(row["formula"])
    if found is None:
        return Section(title="Precedents", empty="No precedents: the model is not here to measure distances.")
    near = found.filter(pl.col("precedent") != row["formula"]).sort("rank").head(5)
    rows = [
        (name, evidence.every_label.get(name, label), distance)
        for name, label, distance in near.select("precedent", "label", "distance").iter_rows()
    ]
    links = {name: f"{linked[name]}.html" for name in near["precedent"] if name in linked}
    text = "The labelled compounds nearest by the distance that decides on the domain (root mean square, scaled)."
    family = row["family_tm_anion"]
    more = [(f"../candidates.html#family={quote(family)}&funnel=all", f"All compounds of {family}")] if family else []
    return listing("Precedents", ("compound", "label", "distance"), rows, text=text, links=links, downloads=more)


def _provenance(source: Source, row: Row, structure: Row | None, evidence: Evidence) -> Section:
    rows = [
        ("publication", source.publication_id, "the state of the warehouse that this page shows"),
        ("model", row["model_id"], "its card lies in meta.models"),
        *_scores(evidence.metrics.get(row["model_id"], {}), row["features"]),
    ]
    if structure:
        rows += [
            (name, structure[name], source.registry["core.structures"].column(name).doc)
            for name in ("structure_id", "source", "fidelity", "functional", "doi", "licence")
            if structure[name] is not None
        ]
        if structure["flags"]:
            rows.append(("flags", ", ".join(structure["flags"]), "what is noteworthy of the structure"))
    links = _doi_links([structure["doi"]] if structure else [])
    return listing("Provenance and licence", ("what", "value", "meaning"), rows, links=links)


def _scores(metrics: Row, part: str) -> list[tuple[str, str, str]]:
    """How well the part of the model that spoke did in cross-validation, grouping by grouping."""
    measured = metrics.get("parts", {}).get(part, {})
    found = []
    for grouping, scores in measured.items():
        spans = [(words, scores.get(name)) for words, name in (("ROC-AUC", "roc_auc"), ("AP", "ap"))]
        told = [f"{w} {s['value']:.2f} ({s['low']:.2f} to {s['high']:.2f})" for w, s in spans if isinstance(s, dict)]
        meaning = f"nested cross-validation of the part that read {part}, folds by {grouping}; 95 % intervals"
        found.append((f"score, {grouping}", ", ".join(told), meaning))
    return found


def _downloads(row: Row, structure: Row | None) -> Section:
    files = [(f"{row['file']}.json", "All of this page as JSON")]
    text = "No CIF: no structure is known here."
    if structure:
        files.append((f"{row['file']}.cif", f"The structure as CIF ({structure['licence']})"))
        text = ""
    return Section(title="Download", text=text, downloads=files)


_UNTOLD = ("cif", "duplicate_of")  # a file of its own; perhaps a structure under a closed licence


def _record(
    source: Source, row: Row, structure: Row | None, atoms: Mapping[str, Any] | None, evidence: Evidence
) -> dict[str, Any]:
    """The page as data; the structure under OPTIMADE's names."""
    told = evidence.contributions.get(row["formula"])
    near = evidence.neighbours.get(row["formula"])
    kept = [c for c in source.registry["pred.screening"].column_names if c in row]
    return {
        "formula": row["formula"],
        "publication_id": source.publication_id,
        "prediction": {name: row[name] for name in kept},
        "labels": evidence.labels.get(row["formula"], []),
        "structure": None if structure is None else {k: v for k, v in structure.items() if k not in _UNTOLD},
        "atoms": atoms,
        "features": None if told is None else told.drop("formula").to_dicts(),
        "precedents": None if near is None else near.drop("formula").sort("rank").to_dicts(),
        "recipe": recipe.record(evidence.plans.get(row["formula"])),
    }
