"""Which of the offered tools does a step, and how it is called: by name and by schema. Pure."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.agents.scripted.script import Edit, Read, Shell, Step, Write
from tests.agents.scripted.talk import Json, NotUnderstood, Tool

_NAMES: Mapping[type[Step], tuple[str, ...]] = {
    Read: ("read", "read_file", "readfile"),
    Write: ("write", "write_file", "writefile"),
    Edit: ("edit", "replace", "edit_file"),
    Shell: ("bash", "run_shell_command", "exec_command", "shell_command", "shell"),
}
_PATCHERS = ("apply_patch",)
_RUNNERS = ("exec",)
"""Codex lets its newer models write JavaScript that calls the tools."""
_REPLACE = """
import pathlib, sys
file = pathlib.Path(sys.argv[1])
file.write_text(file.read_text().replace(*sys.argv[2:]))
"""
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "path": ("filePath", "file_path", "absolute_path", "path"),
    "text": ("content", "text"),
    "old": ("oldString", "old_string"),
    "new": ("newString", "new_string"),
    "command": ("command", "cmd"),
}


def call_for(step: Step, tools: Sequence[Tool], root: Path) -> tuple[Tool, Any]:
    """The tool and its arguments. Raises NotUnderstood when nothing that was offered can do it."""
    if tool := _named(_NAMES[type(step)], tools):
        return tool, _arguments(step, tool, root)
    if isinstance(step, Write | Edit) and (tool := _named(_PATCHERS, tools)):
        patch = _patch(step)
        return tool, patch if tool.is_free else {_only_field(tool): patch}
    if tool := _named(_RUNNERS, [one for one in tools if one.is_free]):
        return tool, _program(step)
    if not isinstance(step, Shell):
        return call_for(Shell(_as_command(step)), tools, root)
    raise NotUnderstood(f"no tool runs a command: {', '.join(tool.name for tool in tools)}")


def _named(names: Sequence[str], tools: Sequence[Tool]) -> Tool | None:
    by_name = {tool.name.lower(): tool for tool in tools}
    return next((by_name[name] for name in names if name in by_name), None)


def _arguments(step: Step, tool: Tool, root: Path) -> Json:
    """What the step says, put where the schema wants it; what else is required gets a word of its kind."""
    said = asdict(step)
    if "path" in said:
        said["path"] = str(root / said["path"])
    properties = tool.schema.get("properties", {})
    found: dict[str, Any] = {}
    for name, value in said.items():
        place = next((field for field in _FIELDS[name] if field in properties), None)
        if place is None:
            raise NotUnderstood(f"{tool.name} has no field for {name}: {', '.join(properties)}")
        found[place] = ["bash", "-lc", value] if properties[place].get("type") == "array" else value
    return found | {
        name: example(properties[name], name) for name in tool.schema.get("required", ()) if name not in found
    }


def _only_field(tool: Tool) -> str:
    fields = [*tool.schema.get("properties", {})]
    if len(fields) != 1:
        raise NotUnderstood(f"{tool.name} takes more than a patch: {', '.join(fields)}")
    return str(fields[0])


def _patch(step: Write | Edit) -> str:
    if isinstance(step, Write):
        body = f"*** Add File: {step.path}\n" + "".join(f"+{line}\n" for line in step.text.splitlines())
    else:
        old = "".join(f"-{line}\n" for line in step.old.splitlines())
        new = "".join(f"+{line}\n" for line in step.new.splitlines())
        body = f"*** Update File: {step.path}\n@@\n{old}{new}"
    return f"*** Begin Patch\n{body}*** End Patch\n"


def _program(step: Step) -> str:
    if isinstance(step, Write | Edit):
        return f"text(await tools.apply_patch({json.dumps(_patch(step))}));"
    command = step.command if isinstance(step, Shell) else _as_command(step)
    return f"const done = await tools.exec_command({json.dumps({'cmd': command})}); text(done.output);"


def _as_command(step: Read | Write | Edit) -> str:
    path = shlex.quote(step.path)
    if isinstance(step, Read):
        return f"cat {path}"
    if isinstance(step, Write):
        return f"printf %s {shlex.quote(step.text)} > {path}"
    return f"python3 -c {shlex.quote(_REPLACE)} {path} {shlex.quote(step.old)} {shlex.quote(step.new)}"


def example(schema: Json, name: str = "it") -> Any:
    """The plainest value of a JSON schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "string")
    kind = str(kind[0] if isinstance(kind, list) else kind).lower()
    if kind == "object":
        properties = schema.get("properties", {})
        return {key: example(properties[key], key) for key in schema.get("required", properties)}
    plain: dict[str, Any] = {"array": [], "boolean": False, "integer": 1, "number": 1, "null": None}
    return plain.get(kind, f"The {re.sub('_', ' ', name)} of this change")


def as_listing(step: Write) -> str:
    """For a program that offers no tools and reads whole files from the text: aider."""
    return f"{step.path}\n```\n{step.text}```\n"
