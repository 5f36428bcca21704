"""HTTP: addresses to documents, errors to error documents, and the report beside them. It only reads."""

import re
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from schemas.core import Registry
from schemas.errors import MatloomError
from warehouse.optimade import answers
from warehouse.optimade.answers import Asked
from warehouse.optimade.entries import Entries, Published
from warehouse.optimade.errors import NotFoundError, ServiceError, VersionError
from warehouse.report.insight import NONE, Insight

VERSIONED = ("/v1", "/v1.1", "/v1.1.0")
_VERSION = re.compile(r"^/v\d+(\.\d+)*(?=/|$)")
READ = ["GET", "HEAD"]
JSON = "application/vnd.api+json"


def application(home: Path, *, site: Path, insight: Insight = NONE, registry: Registry | None = None) -> FastAPI:
    """The service of a home.

    Args:
        home: folder with the published catalog; a newer state is served as soon as it is published.
        site: folder of the report, served under /site.
        insight: what reads cells.
        registry: declarations; all of `schemas.tables` if not given.
    """
    if registry is None:
        from schemas.tables import REGISTRY

        registry = REGISTRY
    published = Published(Path(home), insight, registry)
    app = FastAPI(title="matloom", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=READ)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(MatloomError, _error)
    app.add_exception_handler(Exception, _error)
    _add_routes(app, published)
    app.add_api_route("/versions", _versions, methods=READ)
    app.add_api_route("/", _front, methods=READ)
    app.mount("/site", StaticFiles(directory=site, html=True), name="site")
    return app


def _add_routes(app: FastAPI, published: Published) -> None:
    plain: dict[str, Callable[[Asked, Entries], answers.Document]] = {
        "/info": answers.info,
        "/info/structures": answers.info_structures,
        "/links": answers.links,
        "/structures": answers.listed,
    }

    def endpoint(make: Callable[[Asked, Entries], answers.Document]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            return JSONResponse(make(asked_by(request), published.entries()), media_type=JSON)

        return answer

    def one(request: Request, entry_id: str) -> Response:
        return JSONResponse(answers.single(asked_by(request), published.entries(), entry_id), media_type=JSON)

    for version in ("", *VERSIONED):
        for path, make in plain.items():
            app.add_api_route(version + path, endpoint(make), methods=READ, response_model=None)
        app.add_api_route(version + "/structures/", endpoint(answers.listed), methods=READ, response_model=None)
        app.add_api_route(version + "/structures/{entry_id:path}", one, methods=READ, response_model=None)


def asked_by(request: Request) -> Asked:
    """The request as the documents see it."""
    base = str(request.base_url).rstrip("/")
    version = _VERSION.match(request.url.path)
    prefix = version.group() if version else ""
    path = request.url.path.removeprefix(prefix)
    return Asked(base=base, root=base + prefix, path=path, query=dict(request.query_params))


def _versions() -> Response:
    return PlainTextResponse("version\n1\n", media_type="text/csv; header=present")


def _front() -> Response:
    return RedirectResponse("/site/")


async def _http_error(request: Request, error: Exception) -> Response:
    """Addresses that do not exist, and versions that are not served."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    version = _VERSION.match(request.url.path)
    if version and version.group() not in VERSIONED:
        return _refusal(request, VersionError(f"version {version.group()[1:]} is not served: /v1 is"))
    if status == 404:
        return _refusal(request, NotFoundError(f"nothing at {request.url.path}: see /v1/info"))
    refused = ServiceError(getattr(error, "detail", "error"))
    refused.status, refused.title = status, str(getattr(error, "detail", "Error"))
    return _refusal(request, refused)


async def _error(request: Request, error: Exception) -> Response:
    if isinstance(error, ServiceError):
        return _refusal(request, error)
    refused = ServiceError("the warehouse cannot be read now: ask who runs it")
    refused.title = "Internal Server Error"
    return _refusal(request, refused)


def _refusal(request: Request, error: ServiceError) -> Response:
    return JSONResponse(answers.failure(asked_by(request), error), status_code=error.status, media_type=JSON)
