"""Secrets are found by the shape of real credentials, and named without their value."""

import asyncio
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


async def test_a_key_deep_in_a_large_file_is_found_with_its_line(tmp_path: Path) -> None:
    lines = [f"line {number}" for number in range(1, 300_001)]
    lines[250_000] = f"key = '{KEY}'"
    (tmp_path / "big.txt").write_text("\n".join(lines))
    (tmp_path / "one-line.txt").write_text("x" * 1_000_000 + f" {KEY} ")
    big, single = await ShapeScanner().scan(tmp_path, ["big.txt", "one-line.txt"])
    assert (big.path, big.line) == ("big.txt", 250_001)
    assert (single.path, single.line) == ("one-line.txt", 1)


async def test_a_scan_that_was_cut_off_disturbs_no_other(tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_text("harmless words\n" * 300_000)
    (tmp_path / "key.py").write_text(f"key = '{KEY}'\n")
    scanner = ShapeScanner()
    cut_off = asyncio.create_task(scanner.scan(tmp_path, ["big.txt"]))
    await asyncio.sleep(0.01)
    cut_off.cancel()
    found = await scanner.scan(tmp_path, ["big.txt", "key.py"])
    assert [one.path for one in found] == ["key.py"]


async def test_nothing_behind_a_link_is_read(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/key.py").write_text(f"key = '{KEY}'\n")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/d").symlink_to(tmp_path / "outside")
    assert await ShapeScanner().scan(tmp_path / "root", ["d/key.py", "d"]) == []
