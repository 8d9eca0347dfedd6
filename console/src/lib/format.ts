/** How numbers and times read on screen. A dash means: not measured. */

export const DASH = "–";
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** 840 ms, 12.4 s, 3 m 05 s, 1 h 02 m */
export function duration(milliseconds: number | null | undefined): string {
  if (milliseconds === null || milliseconds === undefined) return DASH;
  const ms = Math.max(0, milliseconds);
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / SECOND).toFixed(1)} s`;
  const whole = Math.round(ms / SECOND) * SECOND;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} m ${pad((whole % MINUTE) / SECOND)} s`;
  return `${Math.floor(whole / HOUR)} h ${pad(Math.floor((whole % HOUR) / MINUTE))} m`;
}

/** Whole seconds for what still ticks: 12 s, 3 m 05 s */
export function ticking(milliseconds: number): string {
  const seconds = Math.floor(Math.max(0, milliseconds) / SECOND);
  return seconds < 60 ? `${seconds} s` : duration(seconds * SECOND);
}

const pad = (value: number): string => String(value).padStart(2, "0");

/** From `start` to `end`, or to `now` while it has not ended; null before it began. */
export function elapsed(start: string | null, end: string | null, now: number): number | null {
  if (!start) return null;
  return Math.max(0, (end ? Date.parse(end) : now) - Date.parse(start));
}

/** now, 5 m ago, 3 h ago, 2 d ago, then the date */
export function ago(time: string, now: number): string {
  const age = now - Date.parse(time);
  if (age < MINUTE) return "now";
  if (age < HOUR) return `${Math.floor(age / MINUTE)} m ago`;
  if (age < DAY) return `${Math.floor(age / HOUR)} h ago`;
  if (age < 7 * DAY) return `${Math.floor(age / DAY)} d ago`;
  return new Date(time).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

/** The full local date and time, for tooltips. */
export const exact = (time: string): string =>
  new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** 950 B, 47.1 KiB, 3.2 MiB */
export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  if (count < 1024 ** 2) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / 1024 ** 2).toFixed(1)} MiB`;
}

export const count = (value: number | null): string =>
  value === null ? DASH : value.toLocaleString("en-US");

export const cost = (dollars: number | null): string =>
  dollars === null ? DASH : `$${dollars.toFixed(dollars < 1 ? 3 : 2)}`;

export const shortSha = (sha: string): string => sha.slice(0, 8);

/** timed_out -> Timed out */
export function words(code: string): string {
  const spaced = code.replaceAll("_", " ");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
