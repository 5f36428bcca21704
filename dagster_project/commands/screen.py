"""`matloom screen` and `matloom temperature`: thin skins over `models.screening`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagster_project.commands.common import (
    Home,
    InputError,
    Json,
    Out,
    OutFolder,
    OutModel,
    Seed,
    Workers,
    command,
    finish,
    folder,
    listed,
    read_input,
    say,
    within,
    workers,
    write_output,
)

if TYPE_CHECKING:
    import polars as pl

    from models.screening.temperature import TemperatureModel
    from models.screening.training import ScreeningModel

app = typer.Typer(help="Screen compounds for metal-insulator transitions.", no_args_is_help=True)
temperature_app = typer.Typer(help="Predict transition temperatures.", no_args_is_help=True)

Labelled = Annotated[str, typer.Argument(help="Table with `formula` and labels.")]
Rows = Annotated[str, typer.Argument(help="Table with `formula`.")]
Model = Annotated[str | None, typer.Option("--model", help="Model folder; the shipped model unless given.")]
Features = Annotated[str | None, typer.Option("--features", help="composition, structure or both; both where present.")]
Label = Annotated[str, typer.Option("--label", help="Column with metal, insulator or mit.")]
NAMES = ("formula",)
TOP_CANDIDATES, TOP_FAMILIES = 50, 20


@command(app, "train")
def train(
    labelled: Labelled,
    out: OutModel,
    features: Features = None,
    label: Label = "label_name",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train the classifier on a labelled table and write a model folder."""
    from models.screening import training

    model = training.train(_read(labelled, label), features=features, label=label, seed=seed)
    card = training.save(model, Path(out))
    say({"model_id": card.model_id, "out": out, **card.data, "scores": card.scores}, as_json=as_json)


@command(app, "evaluate")
def evaluate(
    labelled: Labelled,
    groups: Annotated[
        str, typer.Option("--groups", help="Groupings joined by commas.")
    ] = "random,chemsys,family_ln,family_tm_anion,formula_anonymous",
    features: Features = None,
    label: Label = "label_name",
    repeats: Annotated[int, typer.Option("--repeats", help="How often rows are parted anew."), within(1)] = 1,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Score the classifier by nested cross-validation under each grouping, beside its baselines."""
    from models.screening import evaluation

    asked = list(listed(groups))
    if not asked:
        raise InputError.of("no grouping", "--groups", "name at least one, such as family_tm_anion")
    say(
        evaluation.evaluate(
            _read(labelled, label), groups=asked, features=features, label=label, repeats=repeats, seed=seed
        ),
        as_json=as_json,
    )


@command(app, "predict")
def predict(
    rows: Rows,
    out: Out,
    model: Model = None,
    home_dir: Home = None,
    count: Workers = 0,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Add class probabilities, conformal sets and domain to a table of formulas."""
    from models.screening import training

    frame = read_input(rows, needs=NAMES, text=(*NAMES, "cif"))
    given, unused = structured(frame)
    made = training.predict(_screening(model, home_dir, seed), given, workers=workers(count))
    made = made.with_columns(made["reason"].zip_with(made["reason"].is_not_null(), unused))
    _end(made.drop(set(made.columns) & set(_STRUCTURE_ONLY) - set(frame.columns)), out, as_json=as_json)


@command(app, "explain")
def explain(
    out: OutFolder,
    model: Model = None,
    home_dir: Home = None,
    features: Annotated[
        str | None, typer.Option("--features", help="Part to explain: composition, structure or both; the richest.")
    ] = None,
    top: Annotated[int, typer.Option("--top", help="Features to tabulate and draw."), within(1)] = 10,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write SHAP values and accumulated local effects of a model as tables and figures."""
    from dagster_project.commands import explained
    from models.screening import contrasts, explanation

    loaded = _screening(model, home_dir, seed)
    found = explanation.explain(loaded, features=features, top=top)
    into = folder(out)
    tables = {"importance": found.importance, "shap": found.shap, "ale": found.ale, "ale_pairs": found.ale_pairs}
    tables |= {"permutation": found.permutation}
    if found.plane.height:
        tables |= {"plane": found.plane, "contrasts": contrasts.contrasts(loaded)}
    for name, table in tables.items():
        write_output(table, str(into / f"{name}.csv"))
    figures = explained.draw(found, into)
    say(
        {
            "model_id": loaded.model_id,
            "features": found.features,
            "out": out,
            "rows": {k: t.height for k, t in tables.items()},
            "figures": figures,
        },
        as_json=as_json,
    )


@command(app, "families")
def families(
    predictions: Annotated[str, typer.Argument(help="Output of `screen predict`.")],
    out: Out,
    groups: Annotated[str | None, typer.Option("--groups", help="Columns or groupings joined by commas.")] = None,
    _seed: Seed = 0,  # nothing is drawn any more; accepted so that scripts go on
    as_json: Json = False,
) -> None:
    """Gather predictions by family, with false-discovery control; rows without a probability are left out."""
    from models.screening import families as gathering

    frame = read_input(predictions, needs=("formula", "p_mit"), text=NAMES)
    found = gathering.families(frame, groupings=list(listed(groups)) if groups else None)
    summary = {
        "rows": frame.height,
        "left_out": frame.height - gathering.usable(frame).height,
        "families": found.height,
        "q_below_0.1": int((found["q_value"] <= 0.1).sum()),
        "out": out,
    }
    finish(found, out, summary, as_json=as_json)


@command(app, "funnel")
def funnel(
    predictions: Annotated[str, typer.Argument(help="Output of `screen predict`; `pools` says who lists a formula.")],
    out: OutFolder,
    hull: Annotated[
        str | None, typer.Option("--hull", help="Table with `formula`, `energy_above_hull_eV_atom`, `source`.")
    ] = None,
    known: Annotated[
        str | None, typer.Option("--known", help="Table with `formula`, `label_name`; what ships unless given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Sift predictions to candidates and families: where each compound leaves and why, and the best of what stays."""
    from etl.reference import labelled_compounds
    from etl.structures.pool import respelled, spelled
    from models.screening import families as gathering
    from models.screening import funnel as sifting

    frame = read_input(predictions, needs=("formula", "p_mit", "in_domain", "conformal_set"), text=NAMES)
    frame = frame.with_columns(respelled(frame["formula"]).fill_null(frame["formula"]))
    labels = read_input(known, needs=("formula", "label_name"), text=NAMES) if known else labelled_compounds()
    needs = ("formula", "energy_above_hull_eV_atom", "source")
    distances = spelled(read_input(hull, needs=needs, text=NAMES)) if hull else None
    sifted = sifting.funnel(frame, known=spelled(labels), hull=distances)
    left = sifted.candidates.select("formula", "stage", "known", "motif")
    rows = frame.unique("formula", keep="first", maintain_order=True).join(left, on="formula")
    found = gathering.families(rows)
    tables = {
        "candidates.parquet": sifted.candidates,
        "funnel.csv": sifted.stages,
        "families.csv": found,
        "top_candidates.csv": sifting.top(sifted.candidates, TOP_CANDIDATES),
        "top_families.csv": gathering.apart(found, rows, TOP_FAMILIES),
    }
    into = folder(out)
    for name, table in tables.items():
        write_output(table, str(into / name))
    every = sifted.stages.filter(sifted.stages["part"] == sifting.EVERY)
    passed = dict(every.select("stage", "kept").iter_rows())
    say(
        {"offered": frame["formula"].n_unique(), "passed": passed, "families": found.height, "out": out},
        as_json=as_json,
    )


@command(temperature_app, "predict")
def temperature_predict(
    rows: Rows, out: Out, model: Model = None, home_dir: Home = None, seed: Seed = 0, as_json: Json = False
) -> None:
    """Add the transition temperature with its 80 % interval, and whether a transition is to be expected at all."""
    from models.screening import temperature

    frame = read_input(rows, needs=NAMES, text=NAMES)
    loaded, classifier = _temperature(model, home_dir, seed), _screening(None, home_dir, seed)
    _end(temperature.predict(loaded, frame, classifier=classifier), out, as_json=as_json)


@command(temperature_app, "train")
def temperature_train(labelled: Labelled, out: OutModel, seed: Seed = 0, as_json: Json = False) -> None:
    """Train the temperature model on rows with `t_mit_K` and write a model folder."""
    from models.screening import temperature

    made = temperature.train(read_input(labelled, needs=("formula", "t_mit_K"), text=NAMES), seed=seed)
    card = temperature.save(made, Path(out))
    say({"model_id": card.model_id, "out": out, **card.data, "scores": card.scores}, as_json=as_json)


@command(temperature_app, "evaluate")
def temperature_evaluate(labelled: Labelled, seed: Seed = 0, as_json: Json = False) -> None:
    """Errors of the temperature model with compounds and with families left out, beside plain baselines."""
    from models.screening import temperature

    say(
        temperature.evaluate(read_input(labelled, needs=("formula", "t_mit_K"), text=NAMES), seed=seed), as_json=as_json
    )


_ROUNDING = 0.02
"""Share of the atoms by which a refined occupancy may miss a rounded formula."""
_STRUCTURE_ONLY = (
    "gii",
    "est_hubbard_u",
    "est_charge_trans",
    "ewald_energy_per_atom",
    "avg_mm_dists",
    "avg_mx_dists",
    "avg_xx_dists",
)


def _read(where: str, label: str) -> "pl.DataFrame":
    return read_input(where, needs=("formula", label), text=("formula", label))


def structured(frame: "pl.DataFrame") -> "tuple[pl.DataFrame, pl.Series]":
    """The table with structure features of its `cif` column, where it has one and not yet the features.

    Returns:
        The table, and for each row why its text was passed over, if it was: the composition speaks alone then.
    """
    import polars as pl

    nothing = pl.Series("reason", [None] * frame.height, dtype=pl.String)
    if frame.schema.get("cif") != pl.String or any(c in frame.columns for c in _STRUCTURE_ONLY):
        return frame, nothing
    from etl.features.structure import structure

    made = structure(frame.select("cif"))
    columns = [c for c in _STRUCTURE_ONLY if c in made.columns]
    read = zip(frame["formula"], frame["cif"], made["structure_formula"], made["reason"], strict=True)
    unused = pl.Series("reason", [_unused(*row) for row in read], dtype=pl.String)
    features = made.select(pl.when(unused.is_null()).then(pl.col(columns)))
    return pl.concat([frame, features], how="horizontal"), unused


def _unused(formula: str | None, cif: str | None, found: str | None, reason: str | None) -> str | None:
    """Why the structure of a row is not that of its compound; None where it is, or where none is given."""
    from etl.features.formulas import FormulaError, parse_numeric

    if not cif:
        return None
    if found is None:
        return f"cif not used: {reason}"
    try:
        asked, held = parse_numeric(formula or ""), parse_numeric(found)
    except FormulaError:
        return None  # the prediction says what is wrong with the formula
    shares = [{s: n / sum(given.values()) for s, n in given.items()} for given in (asked, held)]
    same = all(abs(shares[0].get(s, 0.0) - shares[1].get(s, 0.0)) <= _ROUNDING for s in {*asked, *held})
    return None if same and asked.keys() == held.keys() else f"cif not used: it holds {found}"


def _end(made: "pl.DataFrame", out: str, *, as_json: bool) -> None:
    summary = {
        "rows": made.height,
        "ok": int(made["ok"].sum()),
        "in_domain": int(made["in_domain"].fill_null(False).sum()),
        "out": out,
    }
    if "label" in made.columns:
        summary["predicted_mit"] = int((made["label"] == "mit").fill_null(False).sum())
    finish(made, out, summary, as_json=as_json)


def _screening(model: str | None, home_dir: str | None, seed: int) -> "ScreeningModel":
    from dagster_project.commands.shipped import shipped
    from models.screening import training

    def make(folder: Path) -> object:
        from etl.reference import labelled_compounds

        return training.save(training.train(labelled_compounds(), seed=seed), folder)

    return training.load(Path(model) if model else shipped("screening", home_dir=home_dir, seed=seed, make=make))


def _temperature(model: str | None, home_dir: str | None, seed: int) -> "TemperatureModel":
    from dagster_project.commands.shipped import shipped
    from models.screening import temperature

    def make(folder: Path) -> object:
        from etl.reference import labelled_compounds

        return temperature.save(temperature.train(labelled_compounds(), seed=seed), folder)

    return temperature.load(Path(model) if model else shipped("temperature", home_dir=home_dir, seed=seed, make=make))
