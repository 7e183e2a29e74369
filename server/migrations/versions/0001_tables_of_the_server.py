"""tables of the server"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_days",
        sa.Column("shard", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("shard", "day", name=op.f("pk_access_days")),
    )
    op.create_table(
        "access_log",
        sa.Column("shard", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("card_id", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("prev", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("shard", "day", "position", name=op.f("pk_access_log")),
    )
    with op.batch_alter_table("access_log", schema=None) as batch_op:
        batch_op.create_index("ix_access_log_card_id", ["card_id"], unique=False)
        batch_op.create_index("ix_access_log_holder", ["holder", "at_ms"], unique=False)

    op.create_table(
        "catalogue_versions",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("published_by", sa.String(), nullable=False),
        sa.Column("items", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_catalogue_versions")),
    )
    op.create_table(
        "codes_seen",
        sa.Column("replay_key", sa.String(), nullable=False),
        sa.Column("terminal", sa.String(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("replay_key", name=op.f("pk_codes_seen")),
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
    )
    op.create_table(
        "device_facts",
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "kind", name=op.f("pk_device_facts")),
    )
    op.create_table(
        "device_invitations",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_device_invitations")),
    )
    op.create_table(
        "devices",
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("terminal_no", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("pending", sa.BigInteger(), nullable=False),
        sa.Column("oldest_pending_at", sa.BigInteger(), nullable=False),
        sa.Column("clock_ms", sa.BigInteger(), nullable=False),
        sa.Column("notice_position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_devices")),
        sa.UniqueConstraint("terminal_no", name=op.f("uq_devices_terminal_no")),
    )
    op.create_table(
        "event_epochs",
        sa.Column("terminal", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.Column("highest", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("terminal", "epoch", name=op.f("pk_event_epochs")),
    )
    op.create_table(
        "event_queue",
        sa.Column("terminal", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("terminal", "epoch", "seq", name=op.f("pk_event_queue")),
    )
    op.create_table(
        "event_refusals",
        sa.Column("terminal", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("terminal", "epoch", "seq", "hash", name=op.f("pk_event_refusals")),
    )
    op.create_table(
        "events",
        sa.Column("terminal", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("difference", sa.String(), nullable=False),
        sa.Column("asn", sa.String(), nullable=False),
        sa.Column("offline_seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("terminal", "epoch", "seq", name=op.f("pk_events")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("ix_events_asn", ["asn", "offline_seq"], unique=False)
        batch_op.create_index("ix_events_received_ms", ["received_ms"], unique=False)
        batch_op.create_index("ix_events_verdict", ["verdict", "type"], unique=False)

    op.create_table(
        "facts_versions",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("max_age_s", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "version", name=op.f("pk_facts_versions")),
    )
    op.create_table(
        "hotel_stays",
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("stay_id", sa.String(), nullable=False),
        sa.Column("terminal", sa.String(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("card_id", sa.String(), nullable=False),
        sa.Column("check_in", sa.BigInteger(), nullable=False),
        sa.Column("guests", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("id_no", sa.String(), nullable=False),
        sa.Column("sex", sa.String(), nullable=False),
        sa.Column("nation", sa.String(), nullable=False),
        sa.Column("birth_date", sa.String(), nullable=False),
        sa.Column("matches", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("receipt_no", sa.String(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("event", name=op.f("pk_hotel_stays")),
        sa.UniqueConstraint("stay_id", name=op.f("uq_hotel_stays_stay_id")),
    )
    with op.batch_alter_table("hotel_stays", schema=None) as batch_op:
        batch_op.create_index("ix_hotel_stays_state", ["state"], unique=False)

    op.create_table(
        "hotlist_entries",
        sa.Column("medium", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("medium_id", sa.String(), nullable=False),
        sa.Column("added", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.SmallInteger(), nullable=False),
        sa.Column("card_id", sa.String(), nullable=False),
        sa.Column("entry", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("medium", "medium_id", "added", name=op.f("pk_hotlist_entries")),
    )
    with op.batch_alter_table("hotlist_entries", schema=None) as batch_op:
        batch_op.create_index("ix_hotlist_entries_card_id", ["card_id"], unique=False)
        batch_op.create_index("ix_hotlist_entries_removed", ["removed"], unique=False)

    op.create_table(
        "ledger_days",
        sa.Column("shard", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "day", name=op.f("pk_ledger_days")),
    )
    op.create_table(
        "notices",
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("device_id", "position", name=op.f("pk_notices")),
    )
    op.create_table(
        "online_tokens",
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        sa.Column("card_id", sa.String(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("used_by", sa.String(), nullable=False),
        sa.Column("business_type", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("lookup", name=op.f("pk_online_tokens")),
    )
    op.create_table(
        "postings",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("side", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("shard", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("memo", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=True),
        sa.Column("prev", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("(side = 0 AND fen >= 0) OR (side = 1 AND fen <= 0)", name="ck_postings_side"),
        sa.PrimaryKeyConstraint("key", "side", name=op.f("pk_postings")),
    )
    with op.batch_alter_table("postings", schema=None) as batch_op:
        batch_op.create_index("ix_postings_account", ["account", "at_ms"], unique=False)
        batch_op.create_index("ix_postings_event", ["event"], unique=False)
        batch_op.create_index("uq_postings_place", ["shard", "day", "position"], unique=True)

    op.create_table(
        "purse_claims",
        sa.Column("claim", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("claim", name=op.f("pk_purse_claims")),
    )
    op.create_table(
        "purse_load_claims",
        sa.Column("asn", sa.String(), nullable=False),
        sa.Column("online_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("load_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("asn", "online_seq", name=op.f("pk_purse_load_claims")),
    )
    op.create_table(
        "purse_loads",
        sa.Column("load_id", sa.String(), nullable=False),
        sa.Column("asn", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("online_seq", sa.BigInteger(), nullable=False),
        sa.Column("card_random", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("key_version", sa.BigInteger(), nullable=False),
        sa.Column("algorithm", sa.BigInteger(), nullable=False),
        sa.Column("terminal_no", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("funding", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("card_date", sa.String(), nullable=False),
        sa.Column("card_time", sa.String(), nullable=False),
        sa.Column("mac2", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("proof_asked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("load_id", name=op.f("pk_purse_loads")),
    )
    with op.batch_alter_table("purse_loads", schema=None) as batch_op:
        batch_op.create_index("ix_purse_loads_asn", ["asn", "online_seq"], unique=False)
        batch_op.create_index("ix_purse_loads_state", ["state", "device_id"], unique=False)

    op.create_table(
        "registry_cards",
        sa.Column("card_id", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("card_no", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("prev_status", sa.String(), nullable=False),
        sa.Column("asn", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("ecard_serial", sa.String(), nullable=False),
        sa.Column("ecard_status", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("account_status", sa.String(), nullable=False),
        sa.Column("issued", sa.String(), nullable=False),
        sa.Column("valid_to", sa.String(), nullable=False),
        sa.Column("batch", sa.String(), nullable=False),
        sa.Column("atr", sa.String(), nullable=False),
        sa.Column("supersedes", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_registry_cards")),
    )
    with op.batch_alter_table("registry_cards", schema=None) as batch_op:
        batch_op.create_index("ix_registry_cards_asn", ["asn"], unique=False)
        batch_op.create_index("ix_registry_cards_ecard_serial", ["ecard_serial"], unique=False)
        batch_op.create_index("ix_registry_cards_person_id", ["person_id"], unique=False)
        batch_op.create_index("ix_registry_cards_supersedes", ["supersedes"], unique=False)

    op.create_table(
        "registry_persons",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("id_type", sa.String(), nullable=False),
        sa.Column("id_no", sa.String(), nullable=False),
        sa.Column("sex", sa.String(), nullable=False),
        sa.Column("nation", sa.String(), nullable=False),
        sa.Column("birth_date", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("mobile", sa.String(), nullable=False),
        sa.Column("life_status", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_registry_persons")),
    )
    with op.batch_alter_table("registry_persons", schema=None) as batch_op:
        batch_op.create_index("ix_registry_persons_id_no", ["id_no"], unique=False)

    op.create_table(
        "request_nonces",
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "nonce", name=op.f("pk_request_nonces")),
    )
    with op.batch_alter_table("request_nonces", schema=None) as batch_op:
        batch_op.create_index("ix_request_nonces_at", ["at_ms"], unique=False)

    op.create_table(
        "scenic_entries",
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("replay_key", sa.String(), nullable=False),
        sa.Column("terminal", sa.String(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("price_class", sa.String(), nullable=False),
        sa.Column("double_of", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("event", name=op.f("pk_scenic_entries")),
    )
    with op.batch_alter_table("scenic_entries", schema=None) as batch_op:
        batch_op.create_index("ix_scenic_entries_replay_key", ["replay_key"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("scenic_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_scenic_entries_replay_key")

    op.drop_table("scenic_entries")
    with op.batch_alter_table("request_nonces", schema=None) as batch_op:
        batch_op.drop_index("ix_request_nonces_at")

    op.drop_table("request_nonces")
    with op.batch_alter_table("registry_persons", schema=None) as batch_op:
        batch_op.drop_index("ix_registry_persons_id_no")

    op.drop_table("registry_persons")
    with op.batch_alter_table("registry_cards", schema=None) as batch_op:
        batch_op.drop_index("ix_registry_cards_supersedes")
        batch_op.drop_index("ix_registry_cards_person_id")
        batch_op.drop_index("ix_registry_cards_ecard_serial")
        batch_op.drop_index("ix_registry_cards_asn")

    op.drop_table("registry_cards")
    with op.batch_alter_table("purse_loads", schema=None) as batch_op:
        batch_op.drop_index("ix_purse_loads_state")
        batch_op.drop_index("ix_purse_loads_asn")

    op.drop_table("purse_loads")
    op.drop_table("purse_load_claims")
    op.drop_table("purse_claims")
    with op.batch_alter_table("postings", schema=None) as batch_op:
        batch_op.drop_index("uq_postings_place")
        batch_op.drop_index("ix_postings_event")
        batch_op.drop_index("ix_postings_account")

    op.drop_table("postings")
    op.drop_table("online_tokens")
    op.drop_table("notices")
    op.drop_table("ledger_days")
    with op.batch_alter_table("hotlist_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_hotlist_entries_removed")
        batch_op.drop_index("ix_hotlist_entries_card_id")

    op.drop_table("hotlist_entries")
    with op.batch_alter_table("hotel_stays", schema=None) as batch_op:
        batch_op.drop_index("ix_hotel_stays_state")

    op.drop_table("hotel_stays")
    op.drop_table("facts_versions")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index("ix_events_verdict")
        batch_op.drop_index("ix_events_received_ms")
        batch_op.drop_index("ix_events_asn")

    op.drop_table("events")
    op.drop_table("event_refusals")
    op.drop_table("event_queue")
    op.drop_table("event_epochs")
    op.drop_table("devices")
    op.drop_table("device_invitations")
    op.drop_table("device_facts")
    op.drop_table("cursors")
    op.drop_table("codes_seen")
    op.drop_table("catalogue_versions")
    with op.batch_alter_table("access_log", schema=None) as batch_op:
        batch_op.drop_index("ix_access_log_holder")
        batch_op.drop_index("ix_access_log_card_id")

    op.drop_table("access_log")
    op.drop_table("access_days")
