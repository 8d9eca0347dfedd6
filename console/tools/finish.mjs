// After the build: writes a .br and a .gz beside every text asset and holds the initial script to its budget.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const BUDGET_BYTES = 220 * 1024;
const root = join(dirname(dirname(fileURLToPath(import.meta.url))), "..");
const out = join(root, "src", "kyros", "entrypoints", "static");
const assets = join(out, "assets");
const TEXT = /\.(js|css|svg|json)$/;

function compress(file) {
  const bytes = readFileSync(file);
  const quality = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params: quality }));
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
}

function initialScripts() {
  const html = readFileSync(join(out, "index.html"), "utf8");
  return [...html.matchAll(/(?:src|href)="\.\/assets\/([^"]+\.js)"/g)].map(([, name]) => name);
}

for (const name of readdirSync(assets).filter((name) => TEXT.test(name))) compress(join(assets, name));

const scripts = initialScripts();
const size = scripts.reduce((sum, name) => sum + readFileSync(join(assets, `${name}.gz`)).length, 0);
console.log(`initial script: ${(size / 1024).toFixed(1)} KiB gzipped in ${scripts.length} files`);
if (scripts.length === 0 || size > BUDGET_BYTES) {
  console.error(`The initial script must be found and stay under ${BUDGET_BYTES / 1024} KiB gzipped.`);
  process.exit(1);
}
