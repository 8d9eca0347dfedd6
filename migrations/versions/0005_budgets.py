"""budgets: limits by scope, those of runs, what was reached, profiles that wait for their vendor"""

from alembic import op
import sqlalchemy as sa

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table('budgets',
    sa.Column('scope', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('tokens', BIG, nullable=True),
    sa.Column('usd', sa.Float(), nullable=True),
    sa.Column('minutes', sa.Float(), nullable=True),
    sa.Column('updated_at', sa.String(), nullable=False),
    sa.Column('updated_by', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('scope', 'key')
    )
    op.create_table('budget_marks',
    sa.Column('scope', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('period', sa.String(), nullable=False),
    sa.Column('limits', sa.Text(), nullable=False),
    sa.Column('at', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('scope', 'key', 'period', 'limits')
    )
    op.create_table('profile_pauses',
    sa.Column('profile', sa.String(), nullable=False),
    sa.Column('until', sa.String(), nullable=False),
    sa.Column('notice', sa.Text(), nullable=False),
    sa.Column('since', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('profile')
    )
    with op.batch_alter_table('runs', schema=None) as batch_op:
        batch_op.add_column(sa.Column('budget_tokens', BIG, nullable=True))
        batch_op.add_column(sa.Column('budget_usd', sa.Float(), nullable=True))
        batch_op.add_column(sa.Column('budget_minutes', sa.Float(), nullable=True))
