"""benefit run, eligibility, deaths and settlement: a chain of revisions of its own"""

import sqlalchemy as sa
from alembic import op

revision = "m001"
down_revision = None
branch_labels = ("money",)
depends_on = None


def upgrade() -> None:
    op.create_table('benefit_batches',
    sa.Column('batch_no', sa.String(), nullable=False),
    sa.Column('programme', sa.String(), nullable=False),
    sa.Column('period', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('roll_digest', sa.String(), nullable=False),
    sa.Column('count', sa.BigInteger(), nullable=False),
    sa.Column('total_fen', sa.BigInteger(), nullable=False),
    sa.Column('value_date', sa.String(), nullable=False),
    sa.Column('prepared_by', sa.String(), nullable=False),
    sa.Column('prepared_at', sa.BigInteger(), nullable=False),
    sa.Column('publicized_on', sa.String(), nullable=False),
    sa.Column('disclosure_proof', sa.String(), nullable=False),
    sa.Column('checked_by', sa.String(), nullable=False),
    sa.Column('approved_by', sa.String(), nullable=False),
    sa.Column('released_by', sa.String(), nullable=False),
    sa.Column('moved_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('batch_no', name=op.f('pk_benefit_batches'))
    )
    with op.batch_alter_table('benefit_batches', schema=None) as batch_op:
        batch_op.create_index('ix_benefit_batches_roll', ['roll_digest'], unique=False)

    op.create_table('benefit_files',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('bank', sa.String(), nullable=False),
    sa.Column('batch_no', sa.String(), nullable=False),
    sa.Column('file_no', sa.BigInteger(), nullable=False),
    sa.Column('file_cnt', sa.BigInteger(), nullable=False),
    sa.Column('count', sa.BigInteger(), nullable=False),
    sa.Column('total_fen', sa.BigInteger(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('raw', sa.LargeBinary(), nullable=False),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.Column('delivered_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_benefit_files'))
    )
    op.create_table('benefit_line_moves',
    sa.Column('e2e_id', sa.String(), nullable=False),
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('at_ms', sa.BigInteger(), nullable=False),
    sa.Column('old', sa.String(), nullable=False),
    sa.Column('new', sa.String(), nullable=False),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('note', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('e2e_id', 'seq', name=op.f('pk_benefit_line_moves'))
    )
    op.create_table('benefit_lines',
    sa.Column('e2e_id', sa.String(), nullable=False),
    sa.Column('batch_no', sa.String(), nullable=False),
    sa.Column('line_no', sa.BigInteger(), nullable=False),
    sa.Column('programme', sa.String(), nullable=False),
    sa.Column('period', sa.String(), nullable=False),
    sa.Column('person_id', sa.String(), nullable=False),
    sa.Column('id_type', sa.String(), nullable=False),
    sa.Column('id_no', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('household', sa.String(), nullable=False),
    sa.Column('card_no', sa.String(), nullable=False),
    sa.Column('bank', sa.String(), nullable=False),
    sa.Column('account', sa.String(), nullable=False),
    sa.Column('fen', sa.BigInteger(), nullable=False),
    sa.Column('summary', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('rule', sa.String(), nullable=False),
    sa.Column('note', sa.String(), nullable=False),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('raw_code', sa.String(), nullable=False),
    sa.Column('bank_serial', sa.String(), nullable=False),
    sa.Column('paid_at', sa.String(), nullable=False),
    sa.Column('repay_of', sa.String(), nullable=False),
    sa.Column('repaid_by', sa.String(), nullable=False),
    sa.Column('file_name', sa.String(), nullable=False),
    sa.Column('moved_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('fen > 0', name='ck_benefit_lines_fen'),
    sa.PrimaryKeyConstraint('e2e_id', name=op.f('pk_benefit_lines'))
    )
    with op.batch_alter_table('benefit_lines', schema=None) as batch_op:
        batch_op.create_index('ix_benefit_lines_person', ['person_id'], unique=False)
        batch_op.create_index('ix_benefit_lines_state', ['state', 'bank'], unique=False)
        batch_op.create_index('uq_benefit_lines_first', ['programme', 'period', 'person_id'], unique=True, sqlite_where=sa.text("repay_of = '' AND state <> 'BLOCKED'"), postgresql_where=sa.text("repay_of = '' AND state <> 'BLOCKED'"))
        batch_op.create_index('uq_benefit_lines_place', ['batch_no', 'line_no'], unique=True)
        batch_op.create_index('uq_benefit_lines_repay', ['repay_of'], unique=True, sqlite_where=sa.text("repay_of <> '' AND state IN ('READY', 'SENT', 'UNKNOWN', 'PAID')"), postgresql_where=sa.text("repay_of <> '' AND state IN ('READY', 'SENT', 'UNKNOWN', 'PAID')"))
        batch_op.create_index('uq_benefit_lines_serial', ['bank', 'bank_serial'], unique=True, sqlite_where=sa.text("bank_serial <> ''"), postgresql_where=sa.text("bank_serial <> ''"))

    op.create_table('benefit_programmes',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('document_no', sa.String(), nullable=False),
    sa.Column('budget_fen', sa.BigInteger(), nullable=False),
    sa.Column('standard_fen', sa.BigInteger(), nullable=False),
    sa.Column('ceiling_fen', sa.BigInteger(), nullable=False),
    sa.Column('valid_from', sa.String(), nullable=False),
    sa.Column('valid_to', sa.String(), nullable=False),
    sa.Column('summary', sa.String(), nullable=False),
    sa.Column('excludes', sa.String(), nullable=False),
    sa.Column('needs_certificate', sa.BigInteger(), nullable=False),
    sa.Column('disclosure_days', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_benefit_programmes'))
    )
    op.create_table('benefit_returns',
    sa.Column('bank', sa.String(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('batch_no', sa.String(), nullable=False),
    sa.Column('file_no', sa.BigInteger(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('accepted', sa.BigInteger(), nullable=False),
    sa.Column('fault', sa.String(), nullable=False),
    sa.Column('line', sa.BigInteger(), nullable=False),
    sa.Column('why', sa.String(), nullable=False),
    sa.Column('count', sa.BigInteger(), nullable=False),
    sa.Column('changed', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('bank', 'digest', name=op.f('pk_benefit_returns'))
    )
    with op.batch_alter_table('benefit_returns', schema=None) as batch_op:
        batch_op.create_index('uq_benefit_returns_number', ['bank', 'batch_no', 'file_no'], unique=True, sqlite_where=sa.text('accepted = 1'), postgresql_where=sa.text('accepted = 1'))

    op.create_table('cases',
    sa.Column('case_id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('person_id', sa.String(), nullable=False),
    sa.Column('opened_at', sa.BigInteger(), nullable=False),
    sa.Column('account', sa.String(), nullable=False),
    sa.Column('fen', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('case_id', name=op.f('pk_cases'))
    )
    with op.batch_alter_table('cases', schema=None) as batch_op:
        batch_op.create_index('ix_cases_person_id', ['person_id'], unique=False)

    op.create_table('clearing_items',
    sa.Column('posting_key', sa.String(), nullable=False),
    sa.Column('operator', sa.String(), nullable=False),
    sa.Column('day', sa.String(), nullable=False),
    sa.Column('run', sa.BigInteger(), nullable=False),
    sa.Column('event', sa.String(), nullable=False),
    sa.Column('event_day', sa.String(), nullable=False),
    sa.Column('fen', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('posting_key', name=op.f('pk_clearing_items'))
    )
    op.create_table('clearing_runs',
    sa.Column('operator', sa.String(), nullable=False),
    sa.Column('day', sa.String(), nullable=False),
    sa.Column('run', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('count', sa.BigInteger(), nullable=False),
    sa.Column('fen', sa.BigInteger(), nullable=False),
    sa.Column('journal_fen', sa.BigInteger(), nullable=False),
    sa.Column('posting_key', sa.String(), nullable=False),
    sa.Column('bank', sa.String(), nullable=False),
    sa.Column('cleared_at', sa.BigInteger(), nullable=False),
    sa.Column('settled_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('operator', 'day', 'run', name=op.f('pk_clearing_runs'))
    )
    op.create_table('death_notices',
    sa.Column('notice_id', sa.String(), nullable=False),
    sa.Column('person_id', sa.String(), nullable=False),
    sa.Column('died_on', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('received_by', sa.String(), nullable=False),
    sa.Column('withdrawn_at', sa.BigInteger(), nullable=True),
    sa.Column('withdrawn_by', sa.String(), nullable=False),
    sa.Column('withdrawn_why', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('notice_id', name=op.f('pk_death_notices'))
    )
    with op.batch_alter_table('death_notices', schema=None) as batch_op:
        batch_op.create_index('uq_death_notices_person', ['person_id'], unique=True, sqlite_where=sa.text('withdrawn_at IS NULL'), postgresql_where=sa.text('withdrawn_at IS NULL'))

    op.create_table('death_stops',
    sa.Column('notice_id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('at_ms', sa.BigInteger(), nullable=False),
    sa.Column('fen', sa.BigInteger(), nullable=False),
    sa.Column('note', sa.String(), nullable=False),
    sa.Column('undone_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('notice_id', 'kind', 'subject', name=op.f('pk_death_stops'))
    )
    op.create_table('eligibility_certificates',
    sa.Column('person_id', sa.String(), nullable=False),
    sa.Column('item', sa.String(), nullable=False),
    sa.Column('certified_on', sa.String(), nullable=False),
    sa.Column('valid_to', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('evidence', sa.String(), nullable=False),
    sa.Column('recorded_at', sa.BigInteger(), nullable=False),
    sa.Column('withdrawn_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('person_id', 'item', 'certified_on', name=op.f('pk_eligibility_certificates'))
    )
    op.create_table('settlement_differences',
    sa.Column('scope', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('ours', sa.BigInteger(), nullable=False),
    sa.Column('theirs', sa.BigInteger(), nullable=False),
    sa.Column('note', sa.String(), nullable=False),
    sa.Column('found_at', sa.BigInteger(), nullable=False),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('scope', 'kind', 'subject', name=op.f('pk_settlement_differences'))
    )


def downgrade() -> None:
    op.drop_table('settlement_differences')
    op.drop_table('eligibility_certificates')
    op.drop_table('death_stops')
    with op.batch_alter_table('death_notices', schema=None) as batch_op:
        batch_op.drop_index('uq_death_notices_person', sqlite_where=sa.text('withdrawn_at IS NULL'), postgresql_where=sa.text('withdrawn_at IS NULL'))

    op.drop_table('death_notices')
    op.drop_table('clearing_runs')
    op.drop_table('clearing_items')
    with op.batch_alter_table('cases', schema=None) as batch_op:
        batch_op.drop_index('ix_cases_person_id')

    op.drop_table('cases')
    with op.batch_alter_table('benefit_returns', schema=None) as batch_op:
        batch_op.drop_index('uq_benefit_returns_number', sqlite_where=sa.text('accepted = 1'), postgresql_where=sa.text('accepted = 1'))

    op.drop_table('benefit_returns')
    op.drop_table('benefit_programmes')
    with op.batch_alter_table('benefit_lines', schema=None) as batch_op:
        batch_op.drop_index('uq_benefit_lines_serial', sqlite_where=sa.text("bank_serial <> ''"), postgresql_where=sa.text("bank_serial <> ''"))
        batch_op.drop_index('uq_benefit_lines_repay', sqlite_where=sa.text("repay_of <> '' AND state IN ('READY', 'SENT', 'UNKNOWN', 'PAID')"), postgresql_where=sa.text("repay_of <> '' AND state IN ('READY', 'SENT', 'UNKNOWN', 'PAID')"))
        batch_op.drop_index('uq_benefit_lines_place')
        batch_op.drop_index('uq_benefit_lines_first', sqlite_where=sa.text("repay_of = '' AND state <> 'BLOCKED'"), postgresql_where=sa.text("repay_of = '' AND state <> 'BLOCKED'"))
        batch_op.drop_index('ix_benefit_lines_state')
        batch_op.drop_index('ix_benefit_lines_person')

    op.drop_table('benefit_lines')
    op.drop_table('benefit_line_moves')
    op.drop_table('benefit_files')
    with op.batch_alter_table('benefit_batches', schema=None) as batch_op:
        batch_op.drop_index('ix_benefit_batches_roll')

    op.drop_table('benefit_batches')
