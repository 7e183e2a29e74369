"""Table of the service catalogue."""

from sqlalchemy.orm import Mapped, mapped_column

from server.database import Rows


class CatalogueRow(Rows):
    """One published version of the whole catalogue; `items` canonical JSON. Never updated."""

    __tablename__ = "catalogue_versions"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    published_at: Mapped[int]
    published_by: Mapped[str]
    items: Mapped[str]
