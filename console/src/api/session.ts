/** Who is signed in here, the same in every tab of this browser: coming in, going on, going away.
 *
 * A person's access token lives in memory only; what a reload finds is the CSRF token, of no use without
 * the cookie that no script reads. The operator's token is kept in this browser. */
import { basePath } from "@/lib/address";
import { inTurn } from "@/lib/in-turn";
import { forget, recall, remember } from "@/lib/storage";
import { createStore } from "@/lib/store";
import { Problem } from "./problem";
import { logIn, logOut, putPassword, refreshWith, type SignedIn } from "./sign-in";

export type Why = "signed_out" | "signed_out_elsewhere" | "not_told" | "session_over" | "token_refused";
export type Kind = "operator" | "person";

export type Standing =
  | { state: "opening" }
  | { state: "unreachable"; error: unknown }
  | { state: "out"; why: Why | null }
  | { state: "in"; kind: Kind; name: string };

/** `secret` outlives a reload: the operator's token, or the CSRF token, which stays through a session. */
interface Pass {
  kind: Kind;
  name: string;
  secret: string;
  token: string;
  expiresIn: number | null;
}

type News = { pass: Pass } | { out: Why; secret: string | null };

const KEYS: Record<Kind, string> = { operator: "token", person: "csrf" };
const OPERATOR = "operator";
const EARLY = 0.8;
const JITTER = 0.1;
const AGAIN_MS = 15_000;
const NEWS_MS = 250;

const passOf = (signedIn: SignedIn): Pass => ({
  kind: "person",
  name: signedIn.name,
  secret: signedIn.csrf_token ?? "",
  token: signedIn.access_token,
  expiresIn: signedIn.expires_in,
});

const isRefusal = (error: unknown) =>
  error instanceof Problem && (error.status === 401 || error.status === 403);

export class Session {
  readonly standing = createStore<Standing>({ state: "opening" });
  private held: string | null = null;
  private secret: string | null = null;
  private flight: Promise<boolean> | undefined;
  private changing: Promise<void> | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly lock = `kyros.session${basePath()}`;
  private readonly channel = new BroadcastChannel(this.lock);
  private heard: () => void = () => undefined;

  constructor() {
    this.channel.onmessage = (message: MessageEvent<News>) => this.hear(message.data);
  }

  close(): void {
    clearTimeout(this.timer);
    this.channel.close();
  }

  /** The token of the moment. */
  token = (): string | null => this.held;

  /** At the start, and again when the server could not be reached then. */
  async open(): Promise<void> {
    const operator = recall(KEYS.operator);
    if (operator) return this.enter(operatorsPass(operator));
    this.secret = recall(KEYS.person);
    if (!this.secret) return this.out(null);
    this.standing.set({ state: "opening" });
    await this.renew(null).catch((error: unknown) => this.standing.set({ state: "unreachable", error }));
  }

  async signIn(name: string, password: string): Promise<void> {
    this.begin(passOf(await logIn(name, password)));
  }

  keepOperatorsToken(token: string): void {
    this.begin(operatorsPass(token));
  }

  /** Here at once and in every tab; that the server knows is what the promise waits for. */
  async signOut(): Promise<void> {
    const csrf = recall(KEYS.person);
    this.leave("signed_out");
    if (csrf) await logOut(csrf).catch((error) => isRefusal(error) || this.out("not_told"));
  }

  /** Ends every session of this person and begins the next; whatever is refused in between waits for that. */
  async changePassword(old: string, next: string): Promise<void> {
    const standing = this.standing.get();
    if (standing.state !== "in") return;
    const work = inTurn(this.lock, async () => {
      await this.putPassword(old, next);
      await this.signIn(standing.name, next);
    });
    const done = () => {
      this.changing = undefined;
    };
    this.changing = work.then(done, done);
    await work;
  }

  /** True when there is another token than the one refused by now; false when nobody is signed in any more.
   * Throws when the server cannot be reached, or is in trouble. */
  async renew(refused: string | null): Promise<boolean> {
    await this.changing;
    if (this.held !== refused) return this.held !== null;
    if (refused !== null && !this.isPerson()) {
      this.leave("token_refused");
      return false;
    }
    this.flight ??= inTurn(this.lock, (waited) => this.goOn(refused, waited)).finally(() => {
      this.flight = undefined;
    });
    return this.flight;
  }

  private async putPassword(old: string, next: string): Promise<void> {
    try {
      await putPassword(this.held ?? "", old, next);
    } catch (error) {
      const expired = error instanceof Problem && error.status === 401;
      if (!expired || !(await this.refresh())) throw error;
      await putPassword(this.held ?? "", old, next);
    }
  }

  /** Whoever was before us in the turn tells what they got. */
  private async goOn(refused: string | null, waited: boolean): Promise<boolean> {
    if (waited && this.held === refused) await this.news();
    return this.held === refused ? this.refresh() : this.held !== null;
  }

  private news(): Promise<void> {
    return new Promise((resolve) => {
      this.heard = resolve;
      setTimeout(resolve, NEWS_MS);
    });
  }

  /** Somebody may have signed out, or in anew, while the answer was under way: then it counts for nothing. */
  private async refresh(): Promise<boolean> {
    const csrf = recall(KEYS.person);
    if (!csrf) return this.held !== null;
    try {
      const pass = passOf(await refreshWith(csrf));
      if (recall(KEYS.person) === csrf) this.begin(pass);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (recall(KEYS.person) !== csrf) return this.refresh();
      this.leave("session_over");
    }
    return this.held !== null;
  }

  private isPerson(): boolean {
    const standing = this.standing.get();
    return standing.state === "in" && standing.kind === "person";
  }

  private begin(pass: Pass): void {
    remember(KEYS[pass.kind], pass.secret);
    if (pass.kind === "person") forget(KEYS.operator);
    this.enter(pass);
    this.tell({ pass });
  }

  private enter(pass: Pass): void {
    this.held = pass.token;
    this.secret = pass.secret;
    if (pass.expiresIn !== null) this.renewIn(pass.expiresIn * 1000 * (EARLY - JITTER * Math.random()));
    else clearTimeout(this.timer);
    this.standing.set({ state: "in", kind: pass.kind, name: pass.name });
  }

  /** Counted from now, whatever the clocks say. The first tab to do it does it for all. */
  private renewIn(milliseconds: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.renew(this.held).catch(() => this.renewIn(AGAIN_MS));
    }, milliseconds);
  }

  private leave(why: Why): void {
    for (const key of Object.values(KEYS)) forget(key);
    this.tell({ out: why, secret: this.secret });
    this.out(why);
  }

  private out(why: Why | null): void {
    clearTimeout(this.timer);
    this.held = null;
    this.secret = null;
    this.standing.set({ state: "out", why });
  }

  private tell(news: News): void {
    this.channel.postMessage(news);
  }

  /** The event stream is read by one tab for all, so all must be the same caller. */
  private hear(news: News): void {
    if ("pass" in news) this.enter(news.pass);
    else if (news.secret === this.secret)
      this.out(news.out === "signed_out" ? "signed_out_elsewhere" : news.out);
    this.heard();
  }
}

const operatorsPass = (token: string): Pass => ({
  kind: "operator",
  name: OPERATOR,
  secret: token,
  token,
  expiresIn: null,
});

export const session = new Session();

/** `kyros up --open` hands the token over behind the `#`, which no server sees; it leaves the address at once. */
export function takeTokenFromAddress(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  session.keepOperatorsToken(given);
  history.replaceState(history.state, "", location.pathname + location.search);
}
