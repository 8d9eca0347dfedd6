/** The first account: whoever holds the operator's token makes it, and is signed in with it. */
import { UserPlus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Navigate, useNavigate } from "react-router";
import { toast } from "sonner";
import { session } from "@/api/session";
import { useAddPerson } from "@/api/use-add-person";
import { useMe } from "@/api/use-me";
import { Button } from "@/components/button";
import { Field, Input } from "@/components/field";
import { FormError } from "@/components/form-error";
import { Page } from "@/components/page";
import { NewPassword, newPasswordFaults } from "@/components/password";
import { useFocusOnFault } from "@/components/use-focus-on-fault";
import { type Faults, faultsFrom } from "./faults";

export default function FirstAdminPage() {
  const me = useMe();
  const [made, setMade] = useState(false);
  if (me.data?.people_exist && !made) return <Navigate to="/runs" replace />;
  return (
    <Page title="Create the first admin">
      <div className="max-w-lg px-6 py-5 max-sm:px-4">
        <p className="mb-5 text-ink-soft">
          An account of your own: what you do is recorded under your name, you sign in with a password, and
          you can let in others. The operator's token goes on working, for emergencies.
        </p>
        <Form onMade={() => setMade(true)} />
      </div>
    </Page>
  );
}

function Form({ onMade }: { onMade: () => void }) {
  const [typed, setTyped] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const { faults, setFaults, send, busy } = useSend(onMade);
  const form = useFocusOnFault(faults);
  const name = typed.trim().toLowerCase();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const found: Faults = newPasswordFaults(name, password, again);
    if (!name) found.name = "Say how you want to be called.";
    setFaults(found);
    if (Object.keys(found).length === 0) void send(name, typed.trim(), password);
  };
  const changed = (set: (value: string) => void) => (value: string) => {
    set(value);
    setFaults({});
  };
  return (
    <form ref={form} onSubmit={submit} className="flex flex-col gap-4" noValidate data-testid="first-admin">
      <Field label="Name" error={faults.name} hint="Letters, digits, dots, hyphens and underscores.">
        <Input
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
          value={typed}
          onValueChange={changed(setTyped)}
          data-testid="admin-name"
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
      <FormError testid="first-admin-error">{faults.form ?? ""}</FormError>
      <Button type="submit" look="primary" className="self-start" disabled={busy} data-testid="create-admin">
        <UserPlus aria-hidden="true" /> {busy ? "Creating…" : "Create and sign in"}
      </Button>
    </form>
  );
}

/** Made but not signed in, because the network went away in between: the next press only signs in. */
function useSend(onMade: () => void) {
  const [faults, setFaults] = useState<Faults>({});
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState("");
  const person = useAddPerson();
  const navigate = useNavigate();
  const send = async (name: string, display_name: string, password: string) => {
    setBusy(true);
    try {
      if (made !== name) {
        await person.mutateAsync({ body: { name, display_name, password, role: "admin" } });
        setMade(name);
        onMade();
      }
      await session.signIn(name, password);
      toast.success(`You are signed in as ${name}.`);
      navigate("/runs", { replace: true });
    } catch (error) {
      setFaults(faultsFrom(error));
      setBusy(false);
    }
  };
  return { faults, setFaults, send, busy };
}
