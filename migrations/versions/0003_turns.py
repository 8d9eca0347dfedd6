"""turns: project, task and session, tool calls counted, figures without a limit, indexes for roll-ups"""

from alembic import op
import sqlalchemy as sa

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
FIGURES = ('duration_ms', 'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_creation_tokens')


def upgrade() -> None:
    if op.get_bind().dialect.name == 'postgresql':  # SQLite's integers have no limit to lift
        for name in FIGURES:
            op.alter_column('turns', name, existing_type=sa.Integer(), type_=BIG, existing_nullable=True)
    op.add_column('turns', sa.Column('tool_call_count', BIG, nullable=True))
    for name in ('project_id', 'task_id', 'session_id'):
        op.add_column('turns', sa.Column(name, sa.String(), nullable=True))
    op.create_index('ix_turns_started_at', 'turns', ['started_at', 'project_id'], unique=False)
    op.create_index('ix_turns_agent', 'turns', ['agent', 'started_at'], unique=False)
    op.create_index('ix_turns_task_id', 'turns', ['task_id'], unique=False)
    for name in ('project_id', 'task_id'):
        op.execute(
            f'UPDATE turns SET {name} = (SELECT runs.{name} FROM runs WHERE runs.id = turns.run_id)'
        )
    op.execute(CALLS[op.get_bind().dialect.name])


CALLS = {
    'sqlite': 'UPDATE turns SET tool_call_count = (SELECT coalesce(sum(value), 0) FROM json_each(turns.tool_calls))'
    ' WHERE tool_calls IS NOT NULL',
    'postgresql': 'UPDATE turns SET tool_call_count = (SELECT coalesce(sum(value::bigint), 0)'
    ' FROM json_each_text(turns.tool_calls::json)) WHERE tool_calls IS NOT NULL',
}
