/** What this browser remembers; one that forbids it remembers until the page is closed. */

const untilClosed = new Map<string, string>();

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`kyros.${key}`);
  } catch {
    return untilClosed.get(key) ?? null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`kyros.${key}`, value);
  } catch {
    untilClosed.set(key, value);
  }
}

export function forget(key: string): void {
  try {
    localStorage.removeItem(`kyros.${key}`);
  } catch {
    untilClosed.delete(key);
  }
}
