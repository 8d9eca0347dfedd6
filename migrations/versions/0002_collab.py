"""collab: tasks in full, agents, people and their sessions, answers kept, events by project"""

from alembic import op
import sqlalchemy as sa

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    create_tables()
    change_tables()
    create_search()


def create_tables() -> None:
    op.create_table('agents',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('answers',
    sa.Column('who', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('headers', sa.Text(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('at', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('who', 'key')
    )
    with op.batch_alter_table('answers', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_answers_at'), ['at'], unique=False)

    op.create_table('auth_names',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('collab_facts',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('collab_service',
    sa.Column('number', BIG, autoincrement=False, nullable=False),
    sa.Column('last_beat', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('number')
    )
    op.create_table('collab_state',
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('revision', BIG, nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('fold_high', BIG, nullable=False),
    sa.Column('fold_low', BIG, nullable=False),
    sa.PrimaryKeyConstraint('kind')
    )
    op.create_table('lease_waiters',
    sa.Column('ticket', BIG, nullable=False),
    sa.Column('holder', sa.Text(), nullable=False),
    sa.Column('resources', sa.Text(), nullable=False),
    sa.Column('seen_at', sa.Text(), nullable=False),
    sa.Column('until', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('ticket'),
    sqlite_autoincrement=True
    )
    op.create_table('refresh_tokens',
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('session_id', sa.Text(), nullable=False),
    sa.Column('expires_at', sa.Text(), nullable=False),
    sa.Column('spent_at', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('digest')
    )
    with op.batch_alter_table('refresh_tokens', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_refresh_tokens_expires_at'), ['expires_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_refresh_tokens_session_id'), ['session_id'], unique=False)

    op.create_table('signing_keys',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('secret', sa.Text(), nullable=False),
    sa.Column('created_at', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('task_dependencies',
    sa.Column('waits_for', BIG, autoincrement=False, nullable=False),
    sa.Column('number', BIG, autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('waits_for', 'number')
    )
    with op.batch_alter_table('task_dependencies', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_task_dependencies_number'), ['number'], unique=False)

    op.create_table('task_labels',
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('number', BIG, autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('label', 'number')
    )
    with op.batch_alter_table('task_labels', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_task_labels_number'), ['number'], unique=False)

    op.create_table('task_words',
    sa.Column('number', BIG, autoincrement=False, nullable=False),
    sa.Column('words', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('number')
    )
    op.create_table('agent_tokens',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=True),
    sa.Column('projects', sa.Text(), nullable=False),
    sa.Column('created_at', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['name'], ['auth_names.name'], ),
    sa.PrimaryKeyConstraint('name'),
    sa.UniqueConstraint('digest')
    )
    op.create_table('api_keys',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('prefix', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('owner', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=True),
    sa.Column('projects', sa.Text(), nullable=False),
    sa.Column('scopes', sa.Text(), nullable=True),
    sa.Column('created_at', sa.Text(), nullable=False),
    sa.Column('expires_at', sa.Text(), nullable=False),
    sa.Column('last_used_at', sa.Text(), nullable=True),
    sa.Column('revoked_at', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['name'], ['auth_names.name'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('digest')
    )
    with op.batch_alter_table('api_keys', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_api_keys_name'), ['name'], unique=False)
        batch_op.create_index('ix_api_keys_owner_id', ['owner', 'id'], unique=False)

    op.create_table('people',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('display_name', sa.Text(), nullable=False),
    sa.Column('email', sa.Text(), nullable=True),
    sa.Column('role', sa.Text(), nullable=True),
    sa.Column('password_hash', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.Text(), nullable=False),
    sa.Column('updated_at', sa.Text(), nullable=False),
    sa.Column('disabled_at', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['name'], ['auth_names.name'], ),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('memberships',
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('project_id', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['person'], ['people.name'], ),
    sa.PrimaryKeyConstraint('person', 'project_id')
    )
    op.create_table('sessions',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('transport', sa.Text(), nullable=False),
    sa.Column('created_at', sa.Text(), nullable=False),
    sa.Column('expires_at', sa.Text(), nullable=False),
    sa.Column('ended_at', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['person'], ['people.name'], ),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('sessions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sessions_expires_at'), ['expires_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_sessions_person'), ['person'], unique=False)


def change_tables() -> None:
    with op.batch_alter_table('events', schema=None) as batch_op:
        batch_op.add_column(sa.Column('project_id', sa.Text(), nullable=True))
        batch_op.drop_index(batch_op.f('ix_events_pull_id'), sqlite_where=sa.text('pull_id IS NOT NULL'))
        batch_op.create_index('ix_events_pull_id', ['pull_id', 'id'], unique=False, sqlite_where=sa.text('pull_id IS NOT NULL'), postgresql_where=sa.text('pull_id IS NOT NULL'))
        batch_op.drop_index(batch_op.f('ix_events_run_id'), sqlite_where=sa.text('run_id IS NOT NULL'))
        batch_op.create_index('ix_events_run_id', ['run_id', 'id'], unique=False, sqlite_where=sa.text('run_id IS NOT NULL'), postgresql_where=sa.text('run_id IS NOT NULL'))
        batch_op.drop_index(batch_op.f('ix_events_target'))
        batch_op.create_index('ix_events_target', ['target', 'id'], unique=False)
        batch_op.drop_index(batch_op.f('ix_events_task_id'), sqlite_where=sa.text('task_id IS NOT NULL'))
        batch_op.create_index('ix_events_task_id', ['task_id', 'id'], unique=False, sqlite_where=sa.text('task_id IS NOT NULL'), postgresql_where=sa.text('task_id IS NOT NULL'))
        batch_op.create_index('ix_events_actor', ['actor', 'id'], unique=False)
        batch_op.create_index('ix_events_event', ['event', 'id'], unique=False)
        batch_op.create_index('ix_events_project_id', ['project_id', 'id'], unique=False, sqlite_where=sa.text('project_id IS NOT NULL'), postgresql_where=sa.text('project_id IS NOT NULL'))

    # Whoever held a lease has ended: they are taken anew, and the fencing tokens go on where they were.
    op.drop_table('leases')
    op.create_table('leases',
    sa.Column('resource', sa.Text(), nullable=False),
    sa.Column('lock_id', sa.Text(), nullable=False),
    sa.Column('holder', sa.Text(), nullable=False),
    sa.Column('fencing_token', BIG, nullable=False),
    sa.Column('acquired_at', sa.Text(), nullable=False),
    sa.Column('heartbeat_at', sa.Text(), nullable=False),
    sa.Column('expires_at', sa.Text(), nullable=False),
    sa.Column('ttl_seconds', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('resource')
    )
    with op.batch_alter_table('leases', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_leases_holder'), ['holder'], unique=False)
        batch_op.create_index(batch_op.f('ix_leases_lock_id'), ['lock_id'], unique=False)

    with op.batch_alter_table('tasks', schema=None) as batch_op:
        batch_op.add_column(sa.Column('assignee', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('priority', sa.Text(), server_default='normal', nullable=False))
        batch_op.add_column(sa.Column('more', sa.Text(), server_default='{}', nullable=False))
        batch_op.add_column(sa.Column('revision', BIG, server_default='0', nullable=False))
        batch_op.create_index('ix_tasks_assignee_number', ['assignee', 'number'], unique=False)
        batch_op.create_index(batch_op.f('ix_tasks_revision'), ['revision'], unique=False)


def create_search() -> None:
    if op.get_bind().dialect.name == 'postgresql':
        op.execute("CREATE INDEX ix_task_words_words ON task_words USING gin (array_to_tsvector(string_to_array(words, ' ')))")
        return
    op.execute("""CREATE VIRTUAL TABLE task_search USING fts5 (
  words, content = 'task_words', content_rowid = 'number', detail = 'none', columnsize = 0,
  tokenize = "ascii tokenchars '-'"
)""")
    op.execute("""CREATE TRIGGER task_words_in AFTER INSERT ON task_words BEGIN
  INSERT INTO task_search (rowid, words) VALUES (new.number, new.words);
END""")
    op.execute("""CREATE TRIGGER task_words_out AFTER DELETE ON task_words BEGIN
  INSERT INTO task_search (task_search, rowid, words) VALUES ('delete', old.number, old.words);
END""")
    op.execute("""CREATE TRIGGER task_words_anew AFTER UPDATE ON task_words BEGIN
  INSERT INTO task_search (task_search, rowid, words) VALUES ('delete', old.number, old.words);
  INSERT INTO task_search (rowid, words) VALUES (new.number, new.words);
END""")
