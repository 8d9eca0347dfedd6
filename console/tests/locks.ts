/** The browser's locks, as far as the console asks for them: one holder at a time, the others in line. */
import { vi } from "vitest";

type Work = (lock: object | null) => unknown;

export function giveLocks(): void {
  const lines = new Map<string, Promise<unknown>>();
  const request = async (name: string, ...rest: [Work] | [{ ifAvailable: true }, Work]) => {
    const work = rest.at(-1) as Work;
    const before = lines.get(name);
    if (rest.length === 2 && before) return work(null);
    const turn = (before ?? Promise.resolve()).then(() => work({}));
    const over = turn.catch(() => undefined);
    lines.set(name, over);
    void over.then(() => lines.get(name) === over && lines.delete(name));
    return turn;
  };
  vi.spyOn(navigator, "locks", "get").mockReturnValue({ request } as unknown as LockManager);
}

/** As on plain http at a network address. */
export function takeLocks(): void {
  vi.spyOn(navigator, "locks", "get").mockReturnValue(undefined as unknown as LockManager);
}
