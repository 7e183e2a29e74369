"""The book of key attempts: appended to, never changed"""

from alembic import op
import sqlalchemy as sa

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

INDEXES = {
    'ix_key_events_batch': ['place', 'batch', 'event'],
    'ix_key_events_subject': ['subject', 'event'],
    'ix_key_events_kind': ['place', 'kind', 'event'],
}
SQLITE = "CREATE TRIGGER key_events_{0} BEFORE {0} ON key_events BEGIN SELECT RAISE(ABORT, 'append-only'); END"
POSTGRES_FUNCTION = """CREATE FUNCTION key_events_stay() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'append-only'; END $$"""
POSTGRES = 'CREATE TRIGGER key_events_stay BEFORE UPDATE OR DELETE ON key_events EXECUTE FUNCTION key_events_stay()'


def upgrade() -> None:
    op.create_table('key_events',
    sa.Column('event', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('place', sa.String(length=40), nullable=False),
    sa.Column('batch', sa.String(length=8), nullable=False),
    sa.Column('subject', sa.String(length=300), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('doing', sa.String(length=30), nullable=False),
    sa.Column('reason', sa.String(length=120), nullable=False),
    sa.Column('officer', sa.String(length=64), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('event')
    )
    for name, columns in INDEXES.items():
        op.create_index(name, 'key_events', columns, unique=False)
    if op.get_bind().dialect.name == 'sqlite':
        op.execute(SQLITE.format('UPDATE'))
        op.execute(SQLITE.format('DELETE'))
    else:
        op.execute(POSTGRES_FUNCTION)
        op.execute(POSTGRES)


def downgrade() -> None:
    op.drop_table('key_events')
    if op.get_bind().dialect.name != 'sqlite':
        op.execute('DROP FUNCTION key_events_stay()')
