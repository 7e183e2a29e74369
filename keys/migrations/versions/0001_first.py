"""Keys, PSAMs, e-card authorisations and the outbox."""

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "key_rows",
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("family", sa.String(32), nullable=False),
        sa.Column("usage", sa.String(120), nullable=False),
        sa.Column("algorithm", sa.String(16), nullable=False),
        sa.Column("levels", sa.Integer, nullable=False),
        sa.Column("parent", sa.String(64), nullable=False),
        sa.Column("kcv", sa.String(6), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("label", "version", name="pk_key_rows"),
    )
    op.create_table(
        "psam_rows",
        sa.Column("terminal_no", sa.String(12), nullable=False),
        sa.Column("serial", sa.String(20), nullable=False, unique=True),
        sa.Column("assigned_terminal", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("terminal_no", name="pk_psam_rows"),
    )
    op.create_table(
        "ecard_authorisation",
        sa.Column("ecard_serial", sa.String(19), nullable=False),
        sa.Column("card_id", sa.String(32), nullable=False),
        sa.Column("card_no", sa.String(9), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("ecard_serial", name="pk_ecard_authorisation"),
    )
    op.create_index("ix_ecard_authorisation_card_id", "ecard_authorisation", ["card_id"])
    op.create_index("ix_ecard_authorisation_card_no", "ecard_authorisation", ["card_no"])
    op.create_table(
        "outbox",
        sa.Column("position", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_outbox"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    for table in ("outbox", "ecard_authorisation", "psam_rows", "key_rows"):
        op.drop_table(table)
