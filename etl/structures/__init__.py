"""Crystal structures: reading and checking (`cif`), from raw to core rows (`assemble`), `prototypes`, `candidates`.

Numbers computed from a structure belong to `etl.features.structure`; fetching from a live source to `etl.sources`.
"""
