/** The terminal's colours, read from the page's tokens: xterm draws outside the reach of CSS. */
import type { ITheme } from "@xterm/xterm";

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;

export function palette(): ITheme {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => style.getPropertyValue(`--terminal${name}`).trim();
  const theme: Record<string, string> = {
    background: token(""),
    foreground: token("-ink"),
    cursor: token("-cursor"),
    selectionBackground: token("-selection"),
  };
  for (const colour of COLOURS) {
    theme[colour] = token(`-${colour}`);
    theme[`bright${colour.charAt(0).toUpperCase()}${colour.slice(1)}`] = token(`-${colour}`);
  }
  return { ...theme, brightBlack: token("-dim"), brightWhite: token("-bright") };
}
