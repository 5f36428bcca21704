"""The YAML file of `matloom physics landau`: one material, or a stack of layers, and the temperatures asked for."""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from models.physics.landau import Landau, transition
from models.physics.layers import Layer, Stack
from models.physics.walls import nucleus, wall
from schemas import yaml_files
from schemas.arrays import Floats
from schemas.errors import InputError
from schemas.yaml_files import Strict

MOST_POINTS = 4000
GRID_PER_LENGTH = 6


class Material(Strict):
    """Coefficients of `models.physics.landau.Landau`, SI units."""

    a: float = Field(gt=0, description="J m-3 K-1")
    t0_K: float = Field(gt=0)
    b: float = Field(description="J m-3; negative with no coupling: a continuous transition")
    c: float = Field(gt=0, description="J m-3")
    g: float = Field(0.0, description="J m-3, coupling of strain to order squared")
    stiffness: float = Field(1.0, gt=0, description="Pa")
    stress: float = Field(0.0, description="Pa, on a free body")
    clamped: float | None = Field(None, description="imposed strain; leave out for a free body")

    @model_validator(mode="after")
    def _one_boundary(self) -> Self:
        if self.clamped is not None and self.stress:
            raise ValueError("a clamped body takes no stress: give one of them")
        if self.g and "stiffness" not in self.model_fields_set:
            raise ValueError("a coupling g needs the stiffness")
        return self

    def body(self) -> Landau:
        """The free energy."""
        return Landau(**self.model_dump())


class LayerOf(Strict):
    """One layer of a stack."""

    material: str
    thickness_m: float = Field(gt=0)


class Temperatures(Strict):
    """Evenly spaced temperatures, both ends included."""

    low: float = Field(gt=0)
    high: float
    step: float = Field(gt=0)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.low < self.high:
            raise ValueError("low must be below high")
        if (self.high - self.low) / self.step > 20_000:
            raise ValueError("over 20,000 temperatures: take a larger step")
        return self

    def values(self) -> Floats:
        """K, rising."""
        return np.arange(self.low, self.high + 0.5 * self.step, self.step)


class LandauProblem(Strict):
    """The whole file."""

    materials: dict[str, Material] = Field(min_length=1)
    temperatures_K: Temperatures
    kappa: float | None = Field(None, gt=0, description="gradient coefficient, J m-1; needed for walls and layers")
    layers: tuple[LayerOf, ...] = ()
    periodic: bool = Field(False, description="the stack repeats")
    affordable_kT: float = Field(
        60.0, gt=0, description="barrier that a nucleus overcomes in the time of a measurement"
    )

    @model_validator(mode="after")
    def _within_what_numbers_hold(self) -> Self:
        for name, material in self.materials.items():
            try:
                with np.errstate(over="raise", divide="raise", invalid="raise"):
                    found = transition(material.body())
                    if self.kappa is not None and material.body().first_order:
                        edge = wall(material.body(), self.kappa)
                        nucleus(edge.energy_J_m2, 1.0)
                held = bool(np.isfinite([found.equilibrium_K, found.latent_heat_J_m3, found.strain_jump]).all())
            except ArithmeticError:
                held = False
            if not held:
                raise ValueError(f"materials: {name} has coefficients that numbers cannot hold: give SI units")
        return self

    @model_validator(mode="after")
    def _layers_are_known(self) -> Self:
        for layer in self.layers:
            if layer.material not in self.materials:
                raise ValueError(f"layers: no material {layer.material}")
            if not self.materials[layer.material].body().first_order:
                raise ValueError(f"layers: {layer.material} has a continuous transition; layers need first-order ones")
        if self.layers and self.kappa is None:
            raise ValueError("layers need kappa")
        return self

    def stack(self) -> Stack:
        """The layers on a grid that resolves the thinnest wall.

        Raises:
            InputError: more than `MOST_POINTS` points would be needed.
        """
        kappa = self.kappa or 0.0
        lengths = [wall(self.materials[x.material].body(), kappa).length_m for x in self.layers]
        spacing = min([*lengths, *(x.thickness_m for x in self.layers)]) / GRID_PER_LENGTH
        total = sum(x.thickness_m for x in self.layers)
        if total / spacing > MOST_POINTS:
            raise InputError.of(
                f"{total / spacing:.0f} grid points",
                "layers",
                f"take thinner layers: walls are {min(lengths):.2g} m long",
            )
        layers = tuple(
            Layer(name=f"{k}:{x.material}", body=self.materials[x.material].body(), thickness_m=x.thickness_m)
            for k, x in enumerate(self.layers)
        )
        return Stack(layers=layers, kappa=kappa, spacing_m=spacing, periodic=self.periodic)


def load(where: str) -> LandauProblem:
    """Reads the file.

    Raises:
        InputError: unreadable, no YAML, an unknown key or a value that is not valid.
    """
    return yaml_files.load(where, LandauProblem, what="settings", keys="materials and temperatures_K")
