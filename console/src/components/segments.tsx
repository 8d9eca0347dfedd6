/** A row of choices of which one holds; which one is up to the caller, mostly the address. */
import { cn } from "@/lib/cn";

interface SegmentsProps<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
  testid: string;
}

export function Segments<T extends string>({ label, value, options, onChange, testid }: SegmentsProps<T>) {
  return (
    <fieldset
      className="flex max-w-full gap-0.5 overflow-x-auto rounded-lg border border-line bg-sunken p-0.5"
      data-testid={testid}
    >
      <legend className="sr-only">{label}</legend>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          data-testid={`${testid}-${option.value || "all"}`}
          onClick={() => onChange(option.value)}
          className={cn(
            "h-6.5 whitespace-nowrap rounded-md px-2.5 font-medium text-ink-soft text-xs transition-colors hover:text-ink",
            option.value === value && "bg-selected text-ink",
          )}
        >
          {option.label}
        </button>
      ))}
    </fieldset>
  );
}
