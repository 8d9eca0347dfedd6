/** Beside which field a refusal belongs. */
import { Problem, sentence } from "@/api/problem";

export interface Faults {
  name?: string;
  password?: string;
  again?: string;
  form?: string;
}

const FIELDS: Record<string, keyof Faults> = {
  name_refused: "name",
  name_taken: "name",
  password_refused: "password",
};

export function faultsFrom(error: unknown): Faults {
  const field = error instanceof Problem ? FIELDS[error.code] : undefined;
  return { [field ?? "form"]: sentence(error) };
}
