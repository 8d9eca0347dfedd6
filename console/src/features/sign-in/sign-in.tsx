/** Asks once for the operator's token, checks it, and says where it lies. */
import { KeyRound } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";
import { Problem, sentence } from "@/api/problem";
import { verifyToken } from "@/api/verify-token";
import { Button } from "@/components/button";
import { Field, Input } from "@/components/field";
import { Logo } from "@/components/logo";
import { useStore } from "@/lib/store";
import { keepToken, tokenRefused } from "@/lib/token";

/** A header can carry visible ASCII only, so anything else cannot be a token. */
const SENDABLE = /^[\x21-\x7e]+$/;

function why(error: unknown): string {
  if (error instanceof Problem && error.status === 401) return "The server does not know this token.";
  return sentence(error);
}

export function SignIn() {
  const refused = useStore(tokenRefused);
  useEffect(() => {
    document.title = "Sign in · Kyros";
  }, []);
  return (
    <main className="flex min-h-full items-center justify-center p-4">
      <div className="w-full max-w-md">
        <div className="mb-6 flex items-center gap-3">
          <Logo className="size-8" />
          <div>
            <h1 className="font-semibold text-xl tracking-tight">Kyros</h1>
            <p className="text-ink-soft">The control plane for coding agents</p>
          </div>
        </div>
        <div className="rounded-xl border border-line bg-panel p-5">
          {refused && (
            <p
              role="alert"
              className="mb-4 rounded-md bg-warn-wash px-3 py-2 text-warn"
              data-testid="token-refused"
            >
              The server no longer accepts the token this browser had. Sign in again.
            </p>
          )}
          <TokenForm />
        </div>
        <Help />
      </div>
    </main>
  );
}

function TokenForm() {
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
      keepToken(candidate);
    } catch (reason) {
      setError(why(reason));
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
      <Field label="Operator token" error={error}>
        <Input
          type="password"
          autoComplete="off"
          autoFocus
          value={value}
          onValueChange={(next) => {
            setValue(next);
            setError(undefined);
          }}
          className="font-mono"
          data-testid="token-input"
        />
      </Field>
      <Button type="submit" look="primary" disabled={busy || !value.trim()} data-testid="token-submit">
        <KeyRound aria-hidden="true" /> {busy ? "Checking…" : "Sign in"}
      </Button>
    </form>
  );
}

function Help() {
  return (
    <div className="mt-4 px-1 text-ink-soft text-xs leading-relaxed">
      <p>
        The token lies in <code className="font-mono text-ink">operator.token</code> in the home of this
        installation (usually <code className="font-mono text-ink">~/.local/share/.kyros</code>), readable by
        you alone:
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
