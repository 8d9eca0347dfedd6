/** The operator's token: asked once, kept in this browser, given up when the server refuses it. */
import { forget, recall, remember } from "./storage";
import { createStore } from "./store";

const KEY = "token";

export const token = createStore<string | null>(recall(KEY));
export const tokenRefused = createStore(false);

export function keepToken(value: string): void {
  remember(KEY, value);
  tokenRefused.set(false);
  token.set(value);
}

export function dropToken(): void {
  forget(KEY);
  token.set(null);
}

/** A refusal of an older token says nothing about the one held now. */
export function refuseToken(refused: string | null): void {
  if (refused === null || refused !== token.get()) return;
  tokenRefused.set(true);
  dropToken();
}

/** `kyros up --open` hands the token over behind the `#`, which no server sees; it leaves the address at once. */
export function takeTokenFromAddress(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  keepToken(given);
  history.replaceState(history.state, "", location.pathname + location.search);
}
