// Writes the typed client from openapi.json, or with --check says whether it has drifted.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const console_ = dirname(dirname(fileURLToPath(import.meta.url)));
const tools = join(console_, "tools", "openapi");
const target = join(console_, "src", "api", "schema.gen.ts");
const source = join(console_, "openapi.json");

function run(command, args, cwd) {
  const { status } = spawnSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) process.exit(status ?? 1);
}

function generate(output) {
  if (!existsSync(join(tools, "node_modules"))) run("npm", ["ci"], tools);
  run(join(tools, "node_modules", ".bin", "openapi-typescript"), [source, "-o", output], tools);
}

function check() {
  const folder = mkdtempSync(join(tmpdir(), "kyros-api-"));
  const fresh = join(folder, "schema.gen.ts");
  generate(fresh);
  const same = existsSync(target) && readFileSync(fresh, "utf8") === readFileSync(target, "utf8");
  rmSync(folder, { recursive: true });
  if (same) return;
  console.error("src/api/schema.gen.ts has drifted from openapi.json: run `npm run generate` in console/.");
  process.exit(1);
}

if (process.argv.includes("--check")) check();
else generate(target);
