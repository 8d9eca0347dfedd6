"""sessions of the pool, executions, what does not agree"""

from alembic import op
import sqlalchemy as sa

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

_OPEN = sa.text('ended_at IS NULL')


def upgrade() -> None:
    op.create_table('agent_sessions',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('profile', sa.String(), nullable=False),
    sa.Column('tier', sa.String(), nullable=False),
    sa.Column('project_id', sa.String(), nullable=True),
    sa.Column('worker', sa.String(), nullable=False),
    sa.Column('host', sa.String(), nullable=False),
    sa.Column('standing', sa.String(), nullable=False),
    sa.Column('folder', sa.Text(), nullable=False),
    sa.Column('current_task', sa.String(), nullable=True),
    sa.Column('started_at', sa.String(), nullable=False),
    sa.Column('used_at', sa.String(), nullable=False),
    sa.Column('ready_at', sa.String(), nullable=True),
    sa.Column('restarts', sa.Integer(), nullable=False),
    sa.Column('ended_at', sa.String(), nullable=True),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('stop_asked', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('agent_sessions', schema=None) as batch_op:
        batch_op.create_index('ix_agent_sessions_live', ['id'], unique=False, sqlite_where=_OPEN, postgresql_where=_OPEN)

    op.create_table('executions',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('profile', sa.String(), nullable=False),
    sa.Column('prompt', sa.Text(), nullable=False),
    sa.Column('folder', sa.Text(), nullable=True),
    sa.Column('timeout_ms', sa.Integer(), nullable=False),
    sa.Column('queue_ms', sa.Integer(), nullable=False),
    sa.Column('asked_by', sa.String(), nullable=False),
    sa.Column('asked_at', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('turn_id', sa.String(), nullable=True),
    sa.Column('output', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('ended_at', sa.String(), nullable=True),
    sa.Column('stop_asked', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('executions', schema=None) as batch_op:
        batch_op.create_index('ix_executions_open', ['id'], unique=False, sqlite_where=_OPEN, postgresql_where=_OPEN)

    op.create_table('drift',
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('project_id', sa.String(), nullable=True),
    sa.Column('found_at', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'subject')
    )
