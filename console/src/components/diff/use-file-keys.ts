/** j and k walk from file to file, except where somebody types. */
import { useEffect } from "react";

const TYPING = "input, textarea, select, [contenteditable], [role=dialog], [role=alertdialog], .xterm";

export function useFileKeys(keys: readonly string[]): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const busy =
        event.ctrlKey || event.metaKey || event.altKey || (event.target as Element).closest?.(TYPING);
      if (busy || (event.key !== "j" && event.key !== "k")) return;
      step(keys, event.key === "j" ? 1 : -1);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [keys]);
}

function step(keys: readonly string[], by: 1 | -1): void {
  const held = document.activeElement?.closest("[data-file]")?.id;
  const at = held ? keys.indexOf(held) : -1;
  const next = keys[Math.min(keys.length - 1, Math.max(0, at + by))];
  if (next) goToFile(next);
}

export function goToFile(key: string): void {
  const file = document.getElementById(key);
  file?.scrollIntoView({ block: "start" });
  file?.querySelector<HTMLElement>("button")?.focus({ preventScroll: true });
}
