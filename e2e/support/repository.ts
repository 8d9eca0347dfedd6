/** A small repository with a check that fails until the task is done, and the task that does it. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Repository {
  path: string;
  git(...args: string[]): string;
  remove(): void;
}

const FILES: Record<string, string> = {
  "kyros.toml": '[checks]\ncommand = "sh check.sh"\n',
  "check.sh": "grep -q Hallo greeting.txt && echo 1 passed\n",
  "greeting.txt": "Hello\n",
};

export function makeRepository(): Repository {
  const path = mkdtempSync(join(tmpdir(), "kyros-e2e-repo-"));
  const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", path, ...identity, ...args], { encoding: "utf8" });
  mkdirSync(path, { recursive: true });
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(path, name), text);
  git("init", "-q", "-b", "main");
  git("add", ".");
  git("commit", "-q", "-m", "Greet in English");
  return { path, git, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Blocks that the built-in playbook carries out; slow enough to be watched. */
export const OBJECTIVE = [
  "Greet in German as well.",
  "```text file=greeting.txt",
  "Hello",
  "Hallo",
  "```",
  "```sh run",
  "for beat in 1 2 3 4; do echo watching beat $beat; sleep 1; done",
  "```",
  "```python file=greet.py",
  'def greet(name: str) -> str:\n    return f"Hallo, {name}!"',
  "```",
].join("\n");
