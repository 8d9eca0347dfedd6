import { HttpResponse, http } from "msw";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Session, session } from "@/api/session";
import { giveLocks, takeLocks } from "./locks";
import { problem, server } from "./server";

const tabs: Session[] = [];

function tab(): Session {
  const made = new Session();
  tabs.push(made);
  return made;
}

/** The server's side of one session: each sign-in and each refresh brings the next token. */
function house() {
  const seen = { refreshes: [] as (string | null)[], logouts: [] as (string | null)[], logins: 0 };
  let given = 0;
  const carried = () =>
    HttpResponse.json({
      access_token: `access-${given++}`,
      token_type: "Bearer",
      expires_in: 600,
      refresh_token: null,
      csrf_token: `csrf-${seen.logins}`,
      name: "ada",
      display_name: "Ada",
      role: "admin",
    });
  server.use(
    http.post("*/api/auth/login", () => {
      seen.logins += 1;
      return carried();
    }),
    http.post("*/api/auth/refresh", ({ request }) => {
      seen.refreshes.push(request.headers.get("X-CSRF-Token"));
      return carried();
    }),
    http.post("*/api/auth/logout", ({ request }) => {
      seen.logouts.push(request.headers.get("X-CSRF-Token"));
      return HttpResponse.json({ ok: true });
    }),
  );
  return seen;
}

const refuseRefresh = (status: number, code: string) =>
  server.use(http.post("*/api/auth/refresh", () => problem(status, code, "No.")));

/** The next standing of a tab, or the one it has if that is it already. */
const becomes = (one: Session, state: string) =>
  vi.waitFor(() => {
    expect(one.standing.get().state).toBe(state);
    return one.standing.get();
  });

async function twoTabsIn() {
  const [first, second] = [tab(), tab()];
  await first.signIn("ada", "correct horse battery");
  await becomes(second, "in");
  return [first, second] as const;
}

/** The page's own would hear all that is said here, and renew in place of the tab that should. */
beforeAll(() => session.close());
beforeEach(giveLocks);
afterEach(() => {
  for (const one of tabs.splice(0)) one.close();
  vi.useRealTimers();
});

describe("coming in", () => {
  it("keeps the access token in memory only", async () => {
    house();
    const one = tab();
    await one.signIn("ada", "correct horse battery");
    expect(one.token()).toBe("access-0");
    expect({ ...localStorage }).toEqual({ "kyros.csrf": "csrf-1" });
    expect(one.standing.get()).toEqual({ state: "in", kind: "person", name: "ada" });
  });

  it("is refused without a trace", async () => {
    server.use(http.post("*/api/auth/login", () => problem(401, "sign_in_failed", "Wrong.")));
    const one = tab();
    await one.open();
    await expect(one.signIn("ada", "guess")).rejects.toThrow("Wrong.");
    expect(one.standing.get()).toEqual({ state: "out", why: null });
    expect(localStorage.length).toBe(0);
  });

  it("survives a reload", async () => {
    const seen = house();
    await tab().signIn("ada", "correct horse battery");
    const reloaded = tab();
    await reloaded.open();
    expect(seen.refreshes).toEqual(["csrf-1"]);
    expect(reloaded.token()).toBe("access-1");
  });

  it("asks nobody when nothing was kept", async () => {
    const seen = house();
    const one = tab();
    await one.open();
    expect(one.standing.get()).toEqual({ state: "out", why: null });
    expect(seen.refreshes).toEqual([]);
  });

  it("waits for a server that cannot be reached, and keeps what it needs for that", async () => {
    localStorage.setItem("kyros.csrf", "csrf-0");
    server.use(http.post("*/api/auth/refresh", () => HttpResponse.error()));
    const one = tab();
    await one.open();
    expect(one.standing.get().state).toBe("unreachable");
    const seen = house();
    await one.open();
    expect(seen.refreshes).toEqual(["csrf-0"]);
    expect(one.standing.get().state).toBe("in");
  });

  it.each([
    [401, "session_ended"],
    [403, "csrf_refused"],
  ])("is over when the refresh is refused with %s", async (status, code) => {
    localStorage.setItem("kyros.csrf", "csrf-0");
    refuseRefresh(status, code);
    const one = tab();
    await one.open();
    expect(one.standing.get()).toEqual({ state: "out", why: "session_over" });
    expect(localStorage.length).toBe(0);
  });

  it("by one's own name puts the operator's token away", async () => {
    house();
    const one = tab();
    one.keepOperatorsToken("kyros_1");
    await one.signIn("ada", "correct horse battery");
    expect({ ...localStorage }).toEqual({ "kyros.csrf": "csrf-1" });
  });
});

describe("two tabs", () => {
  it("come in together", async () => {
    house();
    const [, second] = await twoTabsIn();
    expect(second.token()).toBe("access-0");
  });

  it("refused at the same moment refresh once", async () => {
    const seen = house();
    const [first, second] = await twoTabsIn();
    const renewed = await Promise.all([
      first.renew("access-0"),
      second.renew("access-0"),
      first.renew("access-0"),
    ]);
    expect(renewed).toEqual([true, true, true]);
    expect(seen.refreshes).toHaveLength(1);
    expect([first.token(), second.token()]).toEqual(["access-1", "access-1"]);
  });

  it("opened at the same moment refresh once", async () => {
    const seen = house();
    localStorage.setItem("kyros.csrf", "csrf-0");
    const [first, second] = [tab(), tab()];
    await Promise.all([first.open(), second.open()]);
    expect(seen.refreshes).toHaveLength(1);
    expect([first.token(), second.token()]).toEqual(["access-0", "access-0"]);
  });

  it("without locks refresh each for itself, and both stay in", async () => {
    takeLocks();
    const seen = house();
    const [first, second] = await twoTabsIn();
    expect(await Promise.all([first.renew("access-0"), second.renew("access-0")])).toEqual([true, true]);
    expect(seen.refreshes.length).toBeLessThanOrEqual(2);
    expect(second.standing.get().state).toBe("in");
  });

  it("go out together", async () => {
    const seen = house();
    const [first, second] = await twoTabsIn();
    await first.signOut();
    expect(first.standing.get()).toEqual({ state: "out", why: "signed_out" });
    expect(await becomes(second, "out")).toEqual({ state: "out", why: "signed_out_elsewhere" });
    expect(second.token()).toBeNull();
    expect(seen.logouts).toEqual(["csrf-1"]);
    expect(localStorage.length).toBe(0);
  });

  it("learn together that the session was ended because somebody else had its token", async () => {
    house();
    const [first, second] = await twoTabsIn();
    refuseRefresh(401, "session_ended");
    expect(await first.renew("access-0")).toBe(false);
    expect(first.standing.get()).toEqual({ state: "out", why: "session_over" });
    expect(await becomes(second, "out")).toEqual({ state: "out", why: "session_over" });
    expect(localStorage.length).toBe(0);
  });

  it("hear nothing of a session that is no longer theirs", async () => {
    house();
    const [first, second] = await twoTabsIn();
    const late = new BroadcastChannel("kyros.session");
    late.postMessage({ out: "session_over", secret: "csrf-of-yesterday" });
    late.postMessage({ out: "session_over", secret: "csrf-1" });
    late.close();
    await becomes(second, "out");
    await becomes(first, "out");
    await first.signIn("ada", "correct horse battery");
    await becomes(second, "in");
    const again = new BroadcastChannel("kyros.session");
    again.postMessage({ out: "session_over", secret: "csrf-1" });
    again.postMessage({ pass: { kind: "operator", name: "mark", secret: "s", token: "t", expiresIn: null } });
    again.close();
    const heard: string[] = [];
    second.standing.subscribe(() => heard.push(second.standing.get().state));
    await vi.waitFor(() => expect(second.token()).toBe("t"));
    expect(heard).toEqual(["in"]);
  });
});

describe("going on", () => {
  it("needs no clock that is right, and renews before the ten minutes are over", async () => {
    const seen = house();
    const one = tab();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: new Date("1999-12-31") });
    await one.signIn("ada", "correct horse battery");
    vi.setSystemTime(new Date("2099-01-01"));
    await vi.advanceTimersByTimeAsync(6.9 * 60_000);
    expect(seen.refreshes).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1.2 * 60_000);
    vi.useRealTimers();
    await vi.waitFor(() => expect(one.token()).toBe("access-1"));
  });

  it("bears a server in trouble, and asks again a little later", async () => {
    const seen = house();
    const one = tab();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    await one.signIn("ada", "correct horse battery");
    server.use(http.post("*/api/auth/refresh", () => problem(503, "busy", "Later."), { once: true }));
    await expect(one.renew("access-0")).rejects.toThrow("Later.");
    expect(one.standing.get().state).toBe("in");
    server.use(http.post("*/api/auth/refresh", () => HttpResponse.error(), { once: true }));
    await vi.advanceTimersToNextTimerAsync();
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
    expect(seen.refreshes).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(15_000);
    await vi.waitFor(() => expect(one.token()).toBe("access-1"));
    expect(seen.refreshes).toHaveLength(1);
  });

  it("is not undone by an answer that comes after signing out", async () => {
    house();
    const one = tab();
    await one.signIn("ada", "correct horse battery");
    let answer: () => void = () => undefined;
    let asked: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    server.use(
      http.post("*/api/auth/refresh", async () => {
        asked();
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        return HttpResponse.json({
          access_token: "late",
          csrf_token: "csrf-1",
          name: "ada",
          expires_in: 600,
        });
      }),
    );
    const renewal = one.renew("access-0");
    await isAsked;
    await one.signOut();
    answer();
    expect(await renewal).toBe(false);
    expect(one.standing.get()).toEqual({ state: "out", why: "signed_out" });
    expect(localStorage.length).toBe(0);
  });

  it("follows a session begun elsewhere while its own was refused", async () => {
    const seen = house();
    const one = tab();
    await one.signIn("ada", "correct horse battery");
    server.use(
      http.post(
        "*/api/auth/refresh",
        () => {
          localStorage.setItem("kyros.csrf", "csrf-of-another-tab");
          return problem(401, "session_ended", "No.");
        },
        { once: true },
      ),
    );
    expect(await one.renew("access-0")).toBe(true);
    expect(seen.refreshes).toEqual(["csrf-of-another-tab"]);
    expect(one.standing.get().state).toBe("in");
  });

  it("says so when the server could not be told of signing out", async () => {
    house();
    const one = tab();
    await one.signIn("ada", "correct horse battery");
    server.use(http.post("*/api/auth/logout", () => HttpResponse.error()));
    await one.signOut();
    expect(one.standing.get()).toEqual({ state: "out", why: "not_told" });
  });

  it("takes a refusal of an older token for what it is", async () => {
    const one = tab();
    one.keepOperatorsToken("kyros_new");
    expect(await one.renew("kyros_old")).toBe(true);
    expect(one.token()).toBe("kyros_new");
    expect(await one.renew("kyros_new")).toBe(false);
    expect(one.standing.get()).toEqual({ state: "out", why: "token_refused" });
    expect(localStorage.length).toBe(0);
  });
});

describe("another password", () => {
  const change = (answer: (token: string | null) => Response | Promise<Response>) =>
    server.use(
      http.post("*/api/auth/password", ({ request }) => answer(request.headers.get("Authorization"))),
    );

  it("begins a new session; what is refused in between waits for it, in every tab", async () => {
    house();
    const [first, second] = await twoTabsIn();
    let refused: Promise<boolean[]> = Promise.resolve([]);
    change(() => {
      refused = Promise.all([first.renew("access-0"), second.renew("access-0")]);
      refuseRefresh(401, "session_ended");
      return HttpResponse.json({ ok: true });
    });
    await first.changePassword("correct horse battery", "wrong zebra socket");
    expect(await refused).toEqual([true, true]);
    expect(localStorage.getItem("kyros.csrf")).toBe("csrf-2");
    expect([first.standing.get().state, second.standing.get().state]).toEqual(["in", "in"]);
  });

  it("without locks is waited for in its own tab", async () => {
    takeLocks();
    const seen = house();
    const one = tab();
    await one.signIn("ada", "correct horse battery");
    let refused: Promise<boolean> = Promise.resolve(false);
    change(() => {
      refused = one.renew("access-0");
      return HttpResponse.json({ ok: true });
    });
    await one.changePassword("correct horse battery", "wrong zebra socket");
    expect(await refused).toBe(true);
    expect(seen.refreshes).toEqual([]);
  });

  it("is refused with the old one wrong, and nobody is signed out", async () => {
    house();
    const one = tab();
    await one.signIn("ada", "correct horse battery");
    change(() => problem(403, "password_wrong", "That is not your password."));
    await expect(one.changePassword("guess", "wrong zebra socket")).rejects.toThrow("not your password");
    expect(one.token()).toBe("access-0");
  });

  it("is set with a token of its time", async () => {
    house();
    const one = tab();
    await one.signIn("ada", "correct horse battery");
    const sent: (string | null)[] = [];
    change((token) => {
      sent.push(token);
      return sent.length === 1
        ? problem(401, "unauthenticated", "Expired.")
        : HttpResponse.json({ ok: true });
    });
    await one.changePassword("correct horse battery", "wrong zebra socket");
    expect(sent).toEqual(["Bearer access-0", "Bearer access-1"]);
    expect(one.standing.get().state).toBe("in");
  });
});
