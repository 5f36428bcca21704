"""Where records come from: one module a source. `parse` turns one page or file into rows and refusals.

To add a source: a module with `parse(data, *, where) -> Parsed`; a format of files gets a line in `folder`, a service a
function `fetch` and its name in `schemas.sources.CONNECTORS`.
The shared rows are in `records`, safe XML in `xml`, safe archives in `archives`, requests in `etl.http`.
"""
