"""Secrets are found by the shape of real credentials, and named without their value."""

from pathlib import Path

from kyros.fleet.adapters.secrets import ShapeScanner

KEY = "AKIA" + "IOSFODNN7EXAMPLE"


async def test_a_credential_is_found_with_its_line_and_without_its_value(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text(f"# settings\nkey = '{KEY}'\n")
    [finding] = await ShapeScanner().scan(tmp_path, ["settings.py"])
    assert (finding.path, finding.line) == ("settings.py", 2)
    assert KEY not in repr(finding)


async def test_a_private_key_is_found(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\n")
    assert len(await ShapeScanner().scan(tmp_path, ["notes.txt"])) == 1


async def test_an_allowed_line_and_ordinary_code_pass(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(f"key = '{KEY}'  # pragma: allowlist secret\n")
    (tmp_path / "b.py").write_text(
        "digest = 'da39a3ee5e6b4b0d3255bfef95601890afd80709'\npassword = 'hunter2'\n"
    )
    assert await ShapeScanner().scan(tmp_path, ["a.py", "b.py", "gone.py"]) == []
