/** The operator's token: checked before this browser keeps it, and where it lies. */
import { KeyRound } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Problem, sentence } from "@/api/problem";
import { session } from "@/api/session";
import { verifyToken } from "@/api/sign-in";
import { Button } from "@/components/button";
import { Field } from "@/components/field";
import { Password } from "@/components/password";

/** A header can carry visible ASCII only, so anything else cannot be a token. */
const SENDABLE = /^[\x21-\x7e]+$/;

function why(error: unknown): string {
  if (error instanceof Problem && error.status === 401) return "The server does not know this token.";
  return sentence(error);
}

export function TokenForm() {
  const [value, setValue] = useState("");
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const candidate = value.trim();
    if (!SENDABLE.test(candidate)) return setError("Paste the token as it stands in the file.");
    setBusy(true);
    try {
      await verifyToken(candidate);
      session.keepOperatorsToken(candidate);
    } catch (reason) {
      setError(why(reason));
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
      <Field label="Operator's token" error={error}>
        <Password
          value={value}
          onChange={(next) => {
            setValue(next);
            setError(undefined);
          }}
          autoComplete="off"
          autoFocus
          mono
          testid="token-input"
        />
      </Field>
      <Button type="submit" look="primary" disabled={busy || !value.trim()} data-testid="token-submit">
        <KeyRound aria-hidden="true" /> {busy ? "Checking…" : "Sign in"}
      </Button>
    </form>
  );
}

export function TokenHelp() {
  return (
    <div className="text-ink-soft text-xs leading-relaxed">
      <p>
        It lies in <code className="font-mono text-ink">operator.token</code> in the home of this installation
        (usually <code className="font-mono text-ink">~/.local/share/.kyros</code>), readable by you alone:
      </p>
      <pre className="mt-2 overflow-x-auto rounded-md border border-line bg-panel px-3 py-2 font-mono text-ink">
        cat &lt;home&gt;/operator.token
      </pre>
      <p className="mt-2">
        <code className="font-mono text-ink">kyros up --open</code> opens the console already signed in. This
        browser keeps the token until you sign out.
      </p>
    </div>
  );
}
