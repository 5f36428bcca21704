"""The published structures as an OPTIMADE service, https://www.optimade.org, version 1.1: `app.application` makes it.

`properties` says what is served, `entries` reads it from the published catalog, `filters` translates the filter
language, `answers` writes the documents, `app` knows HTTP. Structures under a licence that is not open are not here.
"""
