/** A real Kyros on a home of its own: `kyros up`, started for the tests and ended with them. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");
const COMMAND = process.env.KYROS_COMMAND ?? join(ROOT, ".venv", "bin", "kyros");
const BUILT = join(ROOT, "src", "kyros", "entrypoints", "static", "index.html");
const START_MS = 30_000;
const STOP_MS = 20_000;

export interface Kyros {
  url: string;
  token: string;
  stop(): Promise<void>;
}

export async function startKyros(): Promise<Kyros> {
  if (!existsSync(BUILT)) throw new Error("The console is not built: run `make console` first.");
  const home = mkdtempSync(join(tmpdir(), "kyros-e2e-"));
  const program = spawn(COMMAND, ["up", "--home", home, "--port", "0"], {
    // All tests sign in from one address, more often than one who guesses may.
    env: { ...process.env, NO_COLOR: "1", KYROS_AGENT: "playbook", KYROS_RATE_SIGN_IN: "1000/minute" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => program.once("exit", () => resolve()));
  const stop = async () => {
    await end(program, ended);
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const url = await address(program, ended);
    return { url, token: readFileSync(join(home, "operator.token"), "utf8").trim(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function address(program: ChildProcess, ended: Promise<void>): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const late = setTimeout(
      () => reject(new Error(`kyros up did not say where it listens: ${said}`)),
      START_MS,
    );
    void ended.then(() => reject(new Error(`kyros up ended at once: ${said}`)));
    program.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const found = /listening on (http:\/\/\S+)/.exec(said)?.[1];
      if (!found) return;
      clearTimeout(late);
      resolve(found);
    });
  });
}

/** Asks it to end, and sees to it when it does not: its children end with it, they hold its lifeline. */
async function end(program: ChildProcess, ended: Promise<void>): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null) return;
  program.kill("SIGTERM");
  const force = setTimeout(() => program.kill("SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(force);
}
