/** Choosing one of a few, with room for a second line on each. */
import { Select as Base } from "@base-ui/react/select";
import { Check, ChevronsUpDown } from "lucide-react";
import type { ReactNode } from "react";
import { cn } from "@/lib/cn";

export interface Choice {
  value: string;
  label: string;
  note?: ReactNode;
  disabled?: boolean;
}

interface SelectProps {
  value: string;
  onChange: (value: string) => void;
  choices: Choice[];
  label: string;
  testid: string;
  className?: string;
}

export function Select({ value, onChange, choices, label, testid, className }: SelectProps) {
  return (
    <Base.Root items={choices} value={value} onValueChange={(next) => onChange(next ?? "")}>
      <Base.Trigger
        aria-label={label}
        data-testid={testid}
        className={cn(
          "flex h-8 cursor-pointer items-center justify-between gap-2 rounded-md border border-line-strong bg-raised px-2.5 text-left text-sm hover:bg-hover",
          className,
        )}
      >
        <Base.Value className="truncate" />
        <Base.Icon className="text-ink-faint">
          <ChevronsUpDown className="size-3.5" aria-hidden="true" />
        </Base.Icon>
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner sideOffset={4} alignItemWithTrigger={false} className="z-50 outline-none">
          <Base.Popup className="max-h-(--available-height) min-w-(--anchor-width) max-w-md overflow-y-auto rounded-lg border border-line bg-raised p-1 shadow-pop outline-none">
            <Base.List>
              {choices.map((choice) => (
                <Option key={choice.value} {...choice} />
              ))}
            </Base.List>
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

function Option({ value, label, note, disabled }: Choice) {
  return (
    <Base.Item
      value={value}
      disabled={disabled}
      data-testid={`option-${value}`}
      className="grid cursor-pointer grid-cols-[1rem_1fr] items-start gap-1.5 rounded-md px-2 py-1.5 text-sm outline-none data-disabled:cursor-default data-highlighted:bg-hover data-disabled:text-ink-faint"
    >
      <Base.ItemIndicator className="col-start-1 pt-1">
        <Check className="size-3.5" aria-hidden="true" />
      </Base.ItemIndicator>
      <div className="col-start-2">
        <Base.ItemText>{label}</Base.ItemText>
        {note && <div className="text-ink-faint text-xs">{note}</div>}
      </div>
    </Base.Item>
  );
}
