import { screen, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { describe, expect, it, test } from "vitest";
import { client } from "@/api/client";
import { Problem } from "@/api/problem";
import type { Me } from "@/api/rights";
import { session } from "@/api/session";
import { open } from "./open";
import { project, pull, run } from "./samples";
import { me, page, problem, server } from "./server";

const signedIn = (part: object = {}) =>
  HttpResponse.json({
    access_token: "access",
    token_type: "Bearer",
    expires_in: 600,
    refresh_token: null,
    csrf_token: "csrf",
    name: "ada",
    display_name: "Ada",
    role: "admin",
    ...part,
  });

const is = (part: Partial<Me>) => server.use(http.get("*/api/auth/me", () => HttpResponse.json(me(part))));

const viewer: Partial<Me> = { name: "vera", kind: "person", role: "viewer", rights: ["read"] };
const reviewer: Partial<Me> = { ...viewer, role: "reviewer", rights: ["read", "review"] };

describe("the sign-in page", () => {
  it("lets in by name and password, at the same address", async () => {
    let sent: unknown;
    server.use(
      http.post("*/api/auth/login", async ({ request }) => {
        sent = await request.json();
        return signedIn();
      }),
    );
    is({ name: "ada", display_name: "Ada", kind: "person" });
    const { user, router } = open("/runs?status=failed", { signedIn: false });
    await user.type(screen.getByTestId("name"), " ada");
    await user.type(screen.getByTestId("password"), "correct horse battery{Enter}");
    expect(await screen.findByText("No run matches")).toBeVisible();
    expect(sent).toEqual({ name: "ada", password: "correct horse battery", transport: "cookie" });
    expect(router.state.location.search).toBe("?status=failed");
    expect(await screen.findByTestId("me")).toHaveTextContent("Ada");
    expect(screen.getByTestId("my-role")).toHaveTextContent("Admin");
  });

  it("tells a refusal aloud and keeps what was typed", async () => {
    server.use(
      http.post("*/api/auth/login", () =>
        problem(401, "sign_in_failed", "The name or the password is wrong."),
      ),
    );
    const { user } = open("/runs", { signedIn: false });
    expect(screen.getByTestId("sign-in")).toBeDisabled();
    await user.type(screen.getByTestId("name"), "ada");
    await user.type(screen.getByTestId("password"), "guess{Enter}");
    const alert = await screen.findByText("The name or the password is wrong.");
    expect(alert).toHaveRole("alert");
    expect(screen.getByTestId("password")).toHaveValue("guess");
    expect(screen.getByTestId("sign-in")).toBeEnabled();
  });

  it("shows what is typed only when asked", async () => {
    const { user } = open("/runs", { signedIn: false });
    expect(screen.getByTestId("password")).toHaveAttribute("type", "password");
    await user.click(screen.getByRole("button", { name: "Show what is typed" }));
    expect(screen.getByTestId("password")).toHaveAttribute("type", "text");
  });

  it("takes the operator's token as well: checked, then kept", async () => {
    server.use(
      http.get("*/api/auth/me", ({ request }) =>
        request.headers.get("Authorization") === "Bearer right"
          ? HttpResponse.json(me())
          : problem(401, "unauthenticated", "No."),
      ),
    );
    const { user } = open("/runs", { signedIn: false });
    await user.click(screen.getByTestId("use-token"));
    await user.type(screen.getByTestId("token-input"), "wrong");
    await user.click(screen.getByTestId("token-submit"));
    expect(await screen.findByText("The server does not know this token.")).toBeVisible();
    expect(localStorage.length).toBe(0);
    await user.clear(screen.getByTestId("token-input"));
    await user.type(screen.getByTestId("token-input"), "right");
    await user.click(screen.getByTestId("token-submit"));
    expect(await screen.findByText("No runs yet")).toBeVisible();
    expect(localStorage.getItem("kyros.token")).toBe("right");
  });

  it("comes back, at the same address, when any answer is 401", async () => {
    server.use(http.get("*/api/runs", () => problem(401, "unauthenticated", "No.")));
    const { router } = open("/runs?status=failed");
    expect(await screen.findByTestId("signed-out")).toHaveAttribute("data-why", "token_refused");
    expect(screen.getByTestId("token-input")).toBeVisible();
    expect(localStorage.getItem("kyros.token")).toBeNull();
    expect(router.state.location.search).toBe("?status=failed");
  });

  it("comes back on sign-out", async () => {
    const { user } = open("/runs");
    await user.click(await screen.findByTestId("who"));
    await user.click(await screen.findByTestId("sign-out"));
    expect(await screen.findByTestId("signed-out")).toHaveTextContent("You are signed out.");
    expect(localStorage.length).toBe(0);
  });

  it("waits for the server when that cannot be reached at the start", async () => {
    localStorage.setItem("kyros.csrf", "csrf");
    server.use(http.post("*/api/auth/refresh", () => HttpResponse.error()));
    const { user } = open("/runs", { signedIn: false });
    expect(await screen.findByTestId("error")).toHaveTextContent("cannot be reached");
    server.use(http.post("*/api/auth/refresh", () => signedIn()));
    await user.click(screen.getByTestId("try-again"));
    expect(await screen.findByText("No runs yet")).toBeVisible();
  });
});

describe("a call that is refused for its token", () => {
  const login = async () => {
    server.use(http.post("*/api/auth/login", () => signedIn({ access_token: "old" })));
    await session.signIn("ada", "correct horse battery");
  };

  it("is made once more, whole, with the new one", async () => {
    await login();
    const bodies: unknown[] = [];
    server.use(
      http.post("*/api/auth/refresh", () => signedIn({ access_token: "new" })),
      http.post("*/api/auth/people", async ({ request }) => {
        bodies.push([request.headers.get("Authorization"), await request.json()]);
        return bodies.length === 1 ? problem(401, "unauthenticated", "Old.") : HttpResponse.json({});
      }),
    );
    const body = { name: "eve", password: "correct horse battery", display_name: "" };
    await client.POST("/api/auth/people", { body });
    expect(bodies).toEqual([
      ["Bearer old", body],
      ["Bearer new", body],
    ]);
  });

  it("is given up when the new one is refused too", async () => {
    await login();
    let asked = 0;
    server.use(
      http.post("*/api/auth/refresh", () => signedIn({ access_token: "new" })),
      http.get("*/api/runs", () => {
        asked += 1;
        return problem(401, "unauthenticated", "Still no.");
      }),
    );
    await expect(client.GET("/api/runs")).rejects.toThrow(Problem);
    expect(asked).toBe(2);
  });
});

describe("the first admin", () => {
  it("is made by whoever has the operator's token, who goes on under the new name", async () => {
    let made: unknown;
    is({ people_exist: false });
    server.use(
      http.post("*/api/auth/people", async ({ request }) => {
        made = await request.json();
        is({ name: "ada", display_name: "Ada", kind: "person" });
        return HttpResponse.json({}, { status: 201 });
      }),
      http.post("*/api/auth/login", () => signedIn()),
    );
    const { user, router } = open("/runs");
    await user.click(await screen.findByTestId("first-admin-link"));
    await user.type(await screen.findByTestId("admin-name"), "Ada");
    expect(screen.queryByTestId("first-notice")).toBeNull();
    await user.type(screen.getByTestId("new-password"), "short");
    expect(screen.getByTestId("strength")).toHaveTextContent("7 more characters");
    await user.type(screen.getByTestId("new-password-again"), "other{Enter}");
    expect(await screen.findByText("The two are not the same.")).toBeVisible();
    expect(screen.getByTestId("new-password")).toHaveFocus();
    expect(made).toBeUndefined();
    for (const id of ["new-password", "new-password-again"]) {
      await user.clear(screen.getByTestId(id));
      await user.type(screen.getByTestId(id), "correct horse battery");
    }
    expect(screen.getByTestId("strength")).toHaveTextContent("Strong.");
    await user.click(screen.getByTestId("create-admin"));
    expect(await screen.findByText("No runs yet")).toBeVisible();
    expect(made).toEqual({
      name: "ada",
      display_name: "Ada",
      password: "correct horse battery",
      role: "admin",
    });
    expect(router.state.location.pathname).toBe("/runs");
    expect(await screen.findByTestId("me")).toHaveTextContent("Ada");
    expect(localStorage.getItem("kyros.token")).toBeNull();
  });

  it("is told what the server will not have, beside the field it is about", async () => {
    is({ people_exist: false });
    server.use(
      http.post("*/api/auth/people", () => problem(422, "name_refused", "The name root is Kyros' own.")),
    );
    const { user } = open("/first-admin");
    await user.type(await screen.findByTestId("admin-name"), "root");
    await user.type(screen.getByTestId("new-password"), "correct horse battery");
    await user.type(screen.getByTestId("new-password-again"), "correct horse battery{Enter}");
    expect(await screen.findByTestId("field-error")).toHaveTextContent("The name root is Kyros' own.");
    expect(screen.getByTestId("admin-name")).toHaveAttribute("aria-invalid", "true");
  });

  it("is not asked for twice: not once people exist, and not after “Not now”", async () => {
    is({ people_exist: false });
    const { user, router } = open("/runs");
    await user.click(await screen.findByRole("button", { name: "Not now" }));
    expect(screen.queryByTestId("first-notice")).toBeNull();
    is({ people_exist: true });
    session.keepOperatorsToken("good");
    await router.navigate("/first-admin");
    await expect.poll(() => router.state.location.pathname).toBe("/runs");
  });
});

test("a password is changed with the present one, and one stays signed in", async () => {
  const old = "correct horse battery";
  server.use(
    http.post("*/api/auth/login", () => signedIn()),
    http.post("*/api/auth/password", async ({ request }) => {
      const { old_password } = (await request.json()) as { old_password: string };
      return old_password === old
        ? HttpResponse.json({ ok: true })
        : problem(403, "password_wrong", "That is not your password.");
    }),
  );
  is({ name: "ada", kind: "person" });
  await session.signIn("ada", old);
  const { user } = open("/runs", { signedIn: "already" });
  await user.click(await screen.findByTestId("who"));
  await user.click(await screen.findByTestId("change-password"));
  await user.type(await screen.findByTestId("old-password"), "guess");
  await user.type(screen.getByTestId("new-password"), "wrong zebra socket");
  await user.type(screen.getByTestId("new-password-again"), "wrong zebra socket{Enter}");
  expect(await screen.findByText("That is not your password.")).toBeVisible();
  await user.clear(screen.getByTestId("old-password"));
  await user.type(screen.getByTestId("old-password"), `${old}{Enter}`);
  expect(await screen.findByText("Your password is changed.")).toBeVisible();
  expect(screen.queryByTestId("password-dialog")).toBeNull();
  expect(await screen.findByText("No runs yet")).toBeVisible();
});

describe("what one may not do", () => {
  it("is not offered to a viewer", async () => {
    is(viewer);
    server.use(
      http.get("*/api/runs/run_1", () => HttpResponse.json(run({ status: "failed" }))),
      http.get("*/api/pulls/pull_1", () => HttpResponse.json(pull())),
    );
    const { user, router } = open("/runs");
    expect(await screen.findByText(/Once somebody hands over a task/)).toBeVisible();
    expect(screen.queryByText("Delegate")).toBeNull();
    await user.keyboard("c");
    expect(router.state.location.pathname).toBe("/runs");
    await router.navigate("/runs/run_1?tab=checks");
    expect(await screen.findByTestId("pull-link")).toBeVisible();
    expect(screen.queryByTestId("retry")).toBeNull();
    await router.navigate("/pulls/pull_1");
    expect(await screen.findByTestId("run-link")).toBeVisible();
    expect(screen.queryByTestId("merge")).toBeNull();
    expect(screen.queryByTestId("close")).toBeNull();
  });

  it("is said where an address leads to it", async () => {
    is(viewer);
    open("/runs/new");
    expect(await screen.findByTestId("may-not-delegate")).toHaveTextContent(
      "As vera you may not hand over tasks",
    );
    expect(screen.queryByTestId("delegate-submit")).toBeNull();
  });

  it("is said in the server's words when it refuses", async () => {
    is(viewer);
    server.use(http.get("*/api/runs", () => problem(403, "not_allowed", "vera lacks the right to read.")));
    open("/runs");
    const error = await screen.findByTestId("error");
    expect(within(error).getByText("You may not see this")).toBeVisible();
    expect(within(error).getByText("vera lacks the right to read.")).toBeVisible();
  });

  it("leaves a reviewer what is theirs", async () => {
    is(reviewer);
    server.use(http.get("*/api/pulls/pull_1", () => HttpResponse.json(pull())));
    open("/pulls/pull_1");
    expect(await screen.findByTestId("merge")).toBeVisible();
  });

  it("is bounded by the project for whoever is a member of one", async () => {
    is({ ...viewer, role: null, rights: [], projects: { prj_1: "operator" } });
    server.use(
      http.get("*/api/projects", () =>
        HttpResponse.json(
          page(project({ id: "prj_1", name: "greeter" }), project({ id: "prj_2", name: "theirs" })),
        ),
      ),
    );
    const { user } = open("/runs/new");
    await user.click(await screen.findByTestId("project"));
    expect(await screen.findByTestId("option-greeter")).toBeVisible();
    expect(screen.queryByTestId("option-theirs")).toBeNull();
    expect(screen.queryByTestId("repo")).toBeNull();
  });
});
