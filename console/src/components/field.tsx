/** A labelled input with its hint and its error. */
import { Field as Base } from "@base-ui/react/field";
import type { ReactNode } from "react";
import { cn } from "@/lib/cn";

export const inputStyle =
  "w-full rounded-md border border-line-strong bg-canvas px-2.5 text-ink text-sm placeholder:text-ink-faint focus:border-accent focus:outline-1 focus:outline-accent focus:outline-offset-0 data-invalid:border-bad";

interface FieldProps {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  optional?: boolean;
  children: ReactNode;
}

export function Field({ label, hint, error, optional, children }: FieldProps) {
  return (
    <Base.Root invalid={Boolean(error)} className="flex min-w-0 flex-col gap-1.5">
      <Base.Label className="flex items-baseline gap-1.5 font-medium text-ink text-sm">
        {label}
        {optional && <span className="font-normal text-ink-faint text-xs">optional</span>}
      </Base.Label>
      {children}
      {hint && !error && <Base.Description className="text-ink-faint text-xs">{hint}</Base.Description>}
      {error && (
        <Base.Error match className="text-bad text-xs" data-testid="field-error">
          {error}
        </Base.Error>
      )}
    </Base.Root>
  );
}

type ControlProps = Base.Control.Props & { "data-testid"?: string };

export function Input({ className, ...rest }: ControlProps) {
  return <Base.Control className={cn(inputStyle, "h-8", className as string)} {...rest} />;
}

interface TextProps {
  value: string;
  onChange: (value: string) => void;
  rows: number;
  placeholder?: string;
  testid: string;
}

export function Text({ value, onChange, rows, placeholder, testid }: TextProps) {
  return (
    <Base.Control
      value={value}
      onValueChange={(next: string) => onChange(next)}
      data-testid={testid}
      render={<textarea rows={rows} placeholder={placeholder} />}
      className={cn(inputStyle, "resize-y py-1.5 font-mono text-xs leading-relaxed")}
    />
  );
}
