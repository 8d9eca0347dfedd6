/** What this browser remembers; a browser that forbids it remembers nothing and works all the same. */

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`kyros.${key}`);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`kyros.${key}`, value);
  } catch {
    // A private window may refuse; the page keeps the value until it is closed.
  }
}

export function forget(key: string): void {
  try {
    localStorage.removeItem(`kyros.${key}`);
  } catch {
    // Nothing was kept, so nothing is left to forget.
  }
}
