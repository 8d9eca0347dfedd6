/** Name and password. Which of them is wrong the server does not say, so neither does this. */
import { LogIn } from "lucide-react";
import { type FormEvent, useState } from "react";
import { sentence } from "@/api/problem";
import { session } from "@/api/session";
import { Button } from "@/components/button";
import { Field, Input } from "@/components/field";
import { FormError } from "@/components/form-error";
import { Password } from "@/components/password";

export function PasswordForm() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setError("");
    setBusy(true);
    try {
      await session.signIn(name.trim(), password);
    } catch (reason) {
      setError(sentence(reason));
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
      <Field label="Name">
        <Input
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
          value={name}
          onValueChange={setName}
          data-testid="name"
        />
      </Field>
      <Field label="Password">
        <Password value={password} onChange={setPassword} autoComplete="current-password" testid="password" />
      </Field>
      <FormError testid="sign-in-error">{error}</FormError>
      <Button type="submit" look="primary" disabled={busy || !name.trim() || !password} data-testid="sign-in">
        <LogIn aria-hidden="true" /> {busy ? "Signing in…" : "Sign in"}
      </Button>
    </form>
  );
}
