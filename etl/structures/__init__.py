"""Crystal structures: reading texts (`texts`, `blocks`) into arrays (`crystal`) and checking them (`checks`).

Raw rows and CIF text are in `cif`, from raw to core rows goes `assemble`, with labels and duplicates from `matching`;
structures are made by substitution in `prototypes`, formulas by `candidates`.

Live services: `optimade`, `cod`, `mp`. Numbers computed from a structure belong to `etl.features.structure`.
"""
