"""The API pages, from files of a package: a counter has no content network.

The handlers stand at module level on purpose: FastAPI remembers every handler it has seen, and one that held its
application would keep each closed server in memory.
"""

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

DOCS, REDOC = "/docs", "/redoc"
FILES = "/static-offline-docs"
_FOLDER = Path(fastapi_offline.__file__).parent / "static"


def install(app: FastAPI) -> None:
    """`/docs`, `/redoc` and their files; `/` leads to the first. Make the application without pages of its own."""
    app.mount(FILES, StaticFiles(directory=_FOLDER))
    for path, page in (("/", _front), (DOCS, _swagger), (REDOC, _redoc)):
        app.add_api_route(path, page, include_in_schema=False)


async def _front() -> RedirectResponse:
    return RedirectResponse(DOCS)


async def _swagger(request: Request) -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url=request.app.openapi_url,
        title=request.app.title,
        swagger_js_url=f"{FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{FILES}/swagger-ui.css",
        swagger_favicon_url=f"{FILES}/favicon.png",
    )


async def _redoc(request: Request) -> HTMLResponse:
    return get_redoc_html(
        openapi_url=request.app.openapi_url,
        title=request.app.title,
        redoc_js_url=f"{FILES}/redoc.standalone.js",
        redoc_favicon_url=f"{FILES}/favicon.png",
        with_google_fonts=False,
    )
