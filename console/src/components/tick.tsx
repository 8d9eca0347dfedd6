/** A box to tick, with words one can click too. */
import type { ReactNode } from "react";

interface TickProps {
  checked: boolean;
  onChange: (checked: boolean) => void;
  children: ReactNode;
  testid: string;
}

export function Tick({ checked, onChange, children, testid }: TickProps) {
  return (
    <label className="flex cursor-pointer items-start gap-2">
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
        data-testid={testid}
        className="mt-0.75 size-3.5 shrink-0 accent-accent-fill"
      />
      <span>{children}</span>
    </label>
  );
}
