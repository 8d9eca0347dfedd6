/** Password fields: one that can be looked at, and a new password typed twice with a word on its strength. */
import { Eye, EyeOff } from "lucide-react";
import { useState } from "react";
import { cn } from "@/lib/cn";
import { type Strength, strengthOf } from "@/lib/password";
import { Button } from "./button";
import { Field, Input } from "./field";

interface PasswordProps {
  value: string;
  onChange: (value: string) => void;
  autoComplete: "current-password" | "new-password" | "off";
  testid: string;
  autoFocus?: boolean;
  mono?: boolean;
}

export function Password({ value, onChange, autoComplete, testid, autoFocus, mono }: PasswordProps) {
  const [shown, setShown] = useState(false);
  const Icon = shown ? EyeOff : Eye;
  return (
    <div className="relative">
      <Input
        type={shown ? "text" : "password"}
        autoComplete={autoComplete}
        autoFocus={autoFocus}
        autoCapitalize="none"
        spellCheck={false}
        value={value}
        onValueChange={onChange}
        className={cn("pr-9", mono && "font-mono")}
        data-testid={testid}
      />
      <Button
        look="quiet"
        size="icon"
        className="absolute top-0.5 right-0.5"
        onClick={() => setShown(!shown)}
        aria-label={shown ? "Hide what is typed" : "Show what is typed"}
        aria-pressed={shown}
      >
        <Icon aria-hidden="true" />
      </Button>
    </div>
  );
}

interface NewPasswordProps {
  name: string;
  value: string;
  again: string;
  onChange: (value: string) => void;
  onAgain: (value: string) => void;
  faults: { password?: string; again?: string };
}

export function NewPassword({ name, value, again, onChange, onAgain, faults }: NewPasswordProps) {
  return (
    <>
      <Field
        label="New password"
        error={faults.password}
        hint={<StrengthHint strength={strengthOf(value, name)} />}
      >
        <Password value={value} onChange={onChange} autoComplete="new-password" testid="new-password" />
      </Field>
      <Field label="New password, again" error={faults.again}>
        <Password value={again} onChange={onAgain} autoComplete="new-password" testid="new-password-again" />
      </Field>
    </>
  );
}

const TONES = ["bg-line-strong", "bg-warn", "bg-good", "bg-good"];

function StrengthHint({ strength: { level, words } }: { strength: Strength }) {
  return (
    <span className="flex items-center gap-2" data-testid="strength" data-level={level}>
      <span className="flex gap-0.5" aria-hidden="true">
        {[1, 2, 3].map((step) => (
          <span
            key={step}
            className={cn("h-1 w-5 rounded-full", level >= step ? TONES[level] : "bg-line-strong")}
          />
        ))}
      </span>
      {words}
    </span>
  );
}

/** What is wrong with a new password before the server is asked. */
export function newPasswordFaults(name: string, value: string, again: string) {
  const { level, words } = strengthOf(value, name);
  return {
    ...(level === 0 && { password: words }),
    ...(value !== again && { again: "The two are not the same." }),
  };
}
