"""money on its way from an old purse to its heir's"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "purse_unloads",
        sa.Column("unload_id", sa.String(), nullable=False),
        sa.Column("asn", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("heir", sa.String(), nullable=False),
        sa.Column("online_seq", sa.BigInteger(), nullable=False),
        sa.Column("card_random", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("key_version", sa.BigInteger(), nullable=False),
        sa.Column("algorithm", sa.BigInteger(), nullable=False),
        sa.Column("mac1", sa.String(), nullable=False),
        sa.Column("terminal_no", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("card_date", sa.String(), nullable=False),
        sa.Column("card_time", sa.String(), nullable=False),
        sa.Column("mac2", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("unload_id", name=op.f("pk_purse_unloads")),
    )
    with op.batch_alter_table("purse_unloads", schema=None) as batch_op:
        batch_op.create_index("ix_purse_unloads_asn", ["asn", "online_seq"], unique=False)


def downgrade() -> None:
    op.drop_table("purse_unloads")
