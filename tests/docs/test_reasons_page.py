"""docs/reference/reasons.md says of every reason what the code says, and of no other."""

from kyros.delegation.model import REASONS, Reason
from tests.docs.markdown import table


def test_every_reason_stands_there_with_what_follows_from_it() -> None:
    listed = {code: (retried == "yes", advice) for code, (retried, _, advice) in table("reasons.md").items()}
    assert listed == {code.value: (rule.transient, rule.advice) for code, rule in REASONS.items()}
    assert set(listed) == {reason.value for reason in Reason}
