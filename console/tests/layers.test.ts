import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";

const SRC = join(import.meta.dirname, "..", "src");
const FLOORS = ["lib", "api", "components", "features", "app"];

interface Import {
  from: string;
  to: string;
}

function imports(): Import[] {
  const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.tsx?$/.test(name),
  );
  return files.flatMap((from) => {
    const text = readFileSync(join(SRC, from), "utf8");
    const named = [...text.matchAll(/(?:from|import)\s*\(?\s*"((?:@\/|\.)[^"]+)"/g)].map(
      ([, path = ""]) => path,
    );
    return named.map((path) => ({ from, to: path.startsWith("@/") ? path.slice(2) : inside(from, path) }));
  });
}

const inside = (from: string, path: string) => relative(SRC, join(SRC, from, "..", path));
const floor = (path: string) => FLOORS.indexOf(path.split("/")[0] ?? "");
const show = ({ from, to }: Import) => `${from} -> ${to}`;

test("imports go down: app, features, components, api, lib", () => {
  const upward = imports().filter(({ from, to }) => floor(from) >= 0 && floor(to) > floor(from));
  expect(upward.map(show)).toEqual([]);
});

test("features are blind to each other", () => {
  const feature = (path: string) => (path.startsWith("features/") ? path.split("/")[1] : undefined);
  const across = imports().filter(
    ({ from, to }) => feature(from) && feature(to) && feature(from) !== feature(to),
  );
  expect(across.map(show)).toEqual([]);
});

test("colours are named in one file only", () => {
  const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.tsx?$/.test(name),
  );
  const painted = files.filter((name) =>
    /#[0-9a-f]{6}\b|oklch\(|rgba?\(/i.test(readFileSync(join(SRC, name), "utf8")),
  );
  expect(painted).toEqual([]);
});
