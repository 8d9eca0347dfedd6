/** Changes one's own password; every other session of one's own ends with that, this one goes on. */
import { type FormEvent, useState } from "react";
import { toast } from "sonner";
import { Problem, sentence } from "@/api/problem";
import { session } from "@/api/session";
import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { Field } from "@/components/field";
import { FormError } from "@/components/form-error";
import { NewPassword, newPasswordFaults, Password } from "@/components/password";
import { useFocusOnFault } from "@/components/use-focus-on-fault";

interface ChangeProps {
  name: string;
  onClose: () => void;
}

export default function ChangePassword({ name, onClose }: ChangeProps) {
  return (
    <Dialog
      open
      onClose={onClose}
      title="Change your password"
      description="Everywhere else you are signed out by this; here you stay signed in."
      testid="password-dialog"
    >
      <Form name={name} onClose={onClose} />
    </Dialog>
  );
}

interface Faults {
  old?: string;
  password?: string;
  again?: string;
  form?: string;
}

const FIELDS: Record<string, keyof Faults> = { password_wrong: "old", password_refused: "password" };

function faultsFrom(error: unknown): Faults {
  const field = error instanceof Problem ? FIELDS[error.code] : undefined;
  return { [field ?? "form"]: sentence(error) };
}

function Form({ name, onClose }: ChangeProps) {
  const [old, setOld] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [faults, setFaults] = useState<Faults>({});
  const [busy, setBusy] = useState(false);
  const form = useFocusOnFault(faults);
  const send = async () => {
    setBusy(true);
    try {
      await session.changePassword(old, password);
      toast.success("Your password is changed.");
      onClose();
    } catch (error) {
      setFaults(faultsFrom(error));
      setBusy(false);
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const found: Faults = newPasswordFaults(name, password, again);
    if (!old) found.old = "Your present password is needed.";
    if (old && old === password) found.password = "That is the present one: choose another.";
    setFaults(found);
    if (Object.keys(found).length === 0) void send();
  };
  const changed = (set: (value: string) => void) => (value: string) => {
    set(value);
    setFaults({});
  };
  return (
    <form ref={form} onSubmit={submit} className="flex min-h-0 flex-col" noValidate>
      <div className="flex min-h-0 flex-col gap-4 overflow-y-auto px-5 py-4">
        <input type="hidden" name="username" autoComplete="username" value={name} readOnly />
        <Field label="Present password" error={faults.old}>
          <Password
            value={old}
            onChange={changed(setOld)}
            autoComplete="current-password"
            autoFocus
            testid="old-password"
          />
        </Field>
        <NewPassword
          name={name}
          value={password}
          again={again}
          onChange={changed(setPassword)}
          onAgain={changed(setAgain)}
          faults={faults}
        />
        <FormError testid="password-error">{faults.form ?? ""}</FormError>
      </div>
      <footer className="flex justify-end gap-2 border-line border-t px-5 py-3">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" look="primary" disabled={busy} data-testid="change-password-submit">
          {busy ? "Changing…" : "Change the password"}
        </Button>
      </footer>
    </form>
  );
}
