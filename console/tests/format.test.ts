import { describe, expect, it, test } from "vitest";
import { plain } from "@/lib/ansi";
import { ago, bytes, cost, count, duration, elapsed, ticking, words } from "@/lib/format";

describe("a duration", () => {
  it.each([
    [0, "0 ms"],
    [999, "999 ms"],
    [1000, "1.0 s"],
    [59_940, "59.9 s"],
    [59_960, "1 m 00 s"],
    [185_000, "3 m 05 s"],
    [3_599_900, "1 h 00 m"],
    [3_720_000, "1 h 02 m"],
    [-5, "0 ms"],
    [null, "–"],
  ])("of %s ms reads %s", (milliseconds, text) => expect(duration(milliseconds)).toBe(text));

  it("that still ticks shows whole seconds", () => {
    expect(ticking(12_900)).toBe("12 s");
    expect(ticking(61_000)).toBe("1 m 01 s");
  });
});

test("time runs from start to end, or to now while it lasts, and never backwards", () => {
  const start = "2026-11-21T10:00:00Z";
  const now = Date.parse("2026-11-21T10:00:30Z");
  expect(elapsed(start, null, now)).toBe(30_000);
  expect(elapsed(start, "2026-11-21T10:00:05Z", now)).toBe(5000);
  expect(elapsed("2026-11-21T10:01:00Z", null, now)).toBe(0);
  expect(elapsed(null, null, now)).toBeNull();
});

test("an age is named in its largest unit, then by date", () => {
  const now = Date.parse("2026-11-21T10:00:00Z");
  const texts = [10, 300, 7200, 200_000, 5_000_000].map((seconds) =>
    ago(new Date(now - seconds * 1000).toISOString(), now),
  );
  expect(texts).toEqual(["now", "5 m ago", "2 h ago", "2 d ago", "24 Sept 2026"]);
});

test("what was not measured is a dash, never a zero", () => {
  expect([count(null), cost(null)]).toEqual(["–", "–"]);
  expect([count(0), count(18_211), cost(0), cost(0.4213), cost(12)]).toEqual([
    "0",
    "18,211",
    "$0.000",
    "$0.421",
    "$12.00",
  ]);
});

test("sizes and codes read as words", () => {
  expect([bytes(950), bytes(48_213), bytes(3_400_000)]).toEqual(["950 B", "47.1 KiB", "3.2 MiB"]);
  expect(words("timed_out")).toBe("Timed out");
});

test("terminal output loses its colours, titles and cursor moves", () => {
  expect(plain("\x1b[31mred\x1b[0m \x1b]0;title\x07and\x1b[2K plain\r\n")).toBe("red and plain\n");
});
