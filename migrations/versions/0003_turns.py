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
    with op.batch_alter_table('turns', schema=None) as batch_op:
        for name in FIGURES:
            batch_op.alter_column(name, existing_type=sa.Integer(), type_=BIG, existing_nullable=True)
        batch_op.add_column(sa.Column('tool_call_count', BIG, nullable=True))
        batch_op.add_column(sa.Column('project_id', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('task_id', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('session_id', sa.String(), nullable=True))
        batch_op.create_index('ix_turns_started_at', ['started_at', 'project_id'], unique=False)
        batch_op.create_index('ix_turns_agent', ['agent', 'started_at'], unique=False)
        batch_op.create_index('ix_turns_task_id', ['task_id'], unique=False)
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
