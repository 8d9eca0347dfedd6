"""approvals: every request in full, pending ones for a person too; the rules of projects"""

import hashlib
import json

from alembic import op
import sqlalchemy as sa

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')

_KNOWN = """
SELECT a.id, a.turn_id, a.at, a.kind, a.subject, a.allowed, a.rule, t.run_id, t.agent, r.project_id, r.task_id
FROM approvals a JOIN turns t ON t.id = a.turn_id LEFT JOIN runs r ON r.id = t.run_id ORDER BY a.id
"""


def upgrade() -> None:
    known = [in_full(row) for row in op.get_bind().execute(sa.text(_KNOWN))]
    op.drop_table('approvals')
    approvals = create_approvals()
    for begin in range(0, len(known), 500):
        op.bulk_insert(approvals, known[begin : begin + 500])
    op.create_table('project_rules',
    sa.Column('project_id', sa.String(), nullable=False),
    sa.Column('rules', sa.Text(), nullable=False),
    sa.Column('revision', BIG, nullable=False),
    sa.Column('changed_at', sa.String(), nullable=False),
    sa.Column('changed_by', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('project_id')
    )


def in_full(row: sa.Row) -> dict[str, object]:
    """What a rule decided before a person could: its number, as an id that sorts before all others."""
    payload = {'kind': row.kind, 'subject': row.subject, 'text': '', 'tool': ''}
    canonical = json.dumps(payload, sort_keys=True, separators=(',', ':'))
    return {
        'id': f'appr_{row.id:026d}', 'turn_id': row.turn_id, 'run_id': row.run_id, 'agent': row.agent,
        'project_id': row.project_id, 'task_id': row.task_id, 'kind': row.kind, 'subject': row.subject,
        'state': 'granted' if row.allowed else 'denied', 'scope': 'once' if row.allowed else None,
        'rule': row.rule, 'digest': hashlib.sha256(canonical.encode()).hexdigest(), 'asked_at': row.at,
        'decided_at': row.at, 'decided_by': 'policy', 'tool': '', 'text': '', 'note': '',
        'path': None, 'expires_at': None, 'made_rule': None,
    }


def create_approvals() -> sa.Table:
    table = op.create_table('approvals',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('turn_id', sa.String(), nullable=False),
    sa.Column('run_id', sa.String(), nullable=False),
    sa.Column('project_id', sa.String(), nullable=True),
    sa.Column('task_id', sa.String(), nullable=True),
    sa.Column('agent', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('tool', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('path', sa.Text(), nullable=True),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('rule', sa.Text(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('asked_at', sa.String(), nullable=False),
    sa.Column('expires_at', sa.String(), nullable=True),
    sa.Column('decided_at', sa.String(), nullable=True),
    sa.Column('decided_by', sa.String(), nullable=True),
    sa.Column('scope', sa.String(), nullable=True),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('made_rule', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['turn_id'], ['turns.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('approvals', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_approvals_turn_id'), ['turn_id'], unique=False)
        batch_op.create_index('ix_approvals_run_id', ['run_id', 'id'], unique=False)
        batch_op.create_index('ix_approvals_project_id', ['project_id', 'id'], unique=False)
        batch_op.create_index('ix_approvals_state', ['state', 'id'], unique=False)
    return table
