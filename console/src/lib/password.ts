/** How good a new password is: the server's rules first, then length, which is what counts. */

/** The server refuses shorter ones. */
export const SHORTEST = 12;
const LONG = 20;
const FEWEST_KINDS = 5;

export interface Strength {
  /** 0 is refused, 1 will do, 2 is good, 3 is strong. */
  level: 0 | 1 | 2 | 3;
  words: string;
}

export function strengthOf(password: string, name: string): Strength {
  const length = [...password.normalize("NFC")].length;
  const own = name.trim().toLowerCase();
  if (length < SHORTEST)
    return { level: 0, words: `${more(SHORTEST - length)}: several words make a good one.` };
  if (own && password.toLowerCase().includes(own) && length - own.length < SHORTEST / 2)
    return { level: 0, words: "Little more than the name: choose another." };
  if (new Set(password).size < FEWEST_KINDS)
    return { level: 0, words: "Too few different characters: choose another." };
  if (length < (SHORTEST + LONG) / 2) return { level: 1, words: "Will do. Longer is stronger." };
  return length < LONG ? { level: 2, words: "Good." } : { level: 3, words: "Strong." };
}

const more = (count: number): string =>
  count === SHORTEST
    ? `At least ${SHORTEST} characters`
    : `${count} more ${count === 1 ? "character" : "characters"}`;
