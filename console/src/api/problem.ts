/** Refusals of the server (RFC 9457) and of the network, as one kind of error with a sentence for a person. */

export class Problem extends Error {
  readonly status: number;
  readonly code: string;

  constructor(message: string, status: number, code: string) {
    super(message);
    this.name = "Problem";
    this.status = status;
    this.code = code;
  }
}

interface ProblemBody {
  title?: unknown;
  detail?: unknown;
  code?: unknown;
}

const text = (value: unknown): string | null => (typeof value === "string" && value ? value : null);

export async function problemFrom(response: Response): Promise<Problem> {
  const body = (await response.json().catch(() => ({}))) as ProblemBody;
  const message = text(body.detail) ?? text(body.title) ?? `The server answered ${response.status}.`;
  return new Problem(message, response.status, text(body.code) ?? "error");
}

export function sentence(error: unknown): string {
  if (error instanceof Problem) return error.message;
  if (error instanceof TypeError) return "The server cannot be reached. Is `kyros up` running?";
  return error instanceof Error ? error.message : String(error);
}

/** Only what may pass by itself is tried again: the network and the server's own trouble. */
export const isPassing = (error: unknown): boolean => !(error instanceof Problem) || error.status >= 500;
