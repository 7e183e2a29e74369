"""The API pages, offline: Swagger UI from its package, nothing from the network."""

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

DOCS = "/docs"
ASSETS = f"{DOCS}/assets"
NO_ICON = "data:,"


def install(app: FastAPI) -> None:
    """`/docs` with its assets; `/` leads there."""
    app.mount(ASSETS, StaticFiles(directory=swagger_ui_path), name="api-pages")

    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=str(app.openapi_url),
            title="onecard 接口 API",
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url=NO_ICON,
        )

    async def front() -> RedirectResponse:
        return RedirectResponse(DOCS)

    app.add_api_route(DOCS, docs, include_in_schema=False)
    app.add_api_route("/", front, include_in_schema=False)
