/** Dark or light, for the page and everything drawn on it. */
import { remember } from "./storage";
import { createStore, useStore } from "./store";

export type Theme = "dark" | "light";

const current = (): Theme => (document.documentElement.dataset.theme === "light" ? "light" : "dark");
const theme = createStore<Theme>(current());

export function toggleTheme(): void {
  const next: Theme = theme.get() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  remember("theme", next);
  theme.set(next);
}

export const useTheme = (): Theme => useStore(theme);
