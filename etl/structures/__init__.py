"""Crystal structures: reading and checking (`cif`), from raw to core rows (`assemble`), `prototypes`, `candidates`.

Live services: `optimade`, `cod`, `mp`. Numbers computed from a structure belong to `etl.features.structure`.
"""
