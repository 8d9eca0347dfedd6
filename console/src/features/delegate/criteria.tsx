/** Acceptance criteria, one a line: Enter begins the next, Backspace in an empty one takes it away. */
import { Plus, X } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef } from "react";
import { Button } from "@/components/button";
import { inputStyle } from "@/components/field";
import { cn } from "@/lib/cn";

interface CriteriaProps {
  value: string[];
  onChange: (value: string[]) => void;
}

export function Criteria({ value, onChange }: CriteriaProps) {
  const list = useRef<HTMLOListElement>(null);
  const focus = useRef<number | null>(null);
  useEffect(() => {
    if (focus.current === null) return;
    list.current?.querySelectorAll("input")[focus.current]?.focus();
    focus.current = null;
  });
  const replace = (next: string[], at: number) => {
    focus.current = at;
    onChange(next);
  };
  const add = (after: number) => replace(value.toSpliced(after + 1, 0, ""), after + 1);
  const remove = (at: number) =>
    replace(value.length === 1 ? [""] : value.toSpliced(at, 1), Math.max(0, at - 1));
  const onKey = (event: KeyboardEvent, at: number) => {
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) add(at);
    else if (event.key === "Backspace" && value[at] === "" && value.length > 1) remove(at);
    else return;
    event.preventDefault();
  };
  return (
    <fieldset className="flex flex-col gap-1.5">
      <legend className="mb-1.5 flex items-baseline gap-1.5 font-medium text-sm">
        Acceptance criteria <span className="font-normal text-ink-faint text-xs">optional</span>
      </legend>
      <ol ref={list} className="flex flex-col gap-1.5">
        {value.map((line, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the place of a line is its identity.
          <li key={at} className="flex gap-1">
            <input
              value={line}
              aria-label={`Criterion ${at + 1}`}
              placeholder={at === 0 ? "What must be true when it is done" : ""}
              maxLength={2000}
              onChange={(event) => onChange(value.with(at, event.target.value))}
              onKeyDown={(event) => onKey(event, at)}
              className={cn(inputStyle, "h-8")}
              data-testid={`criterion-${at}`}
            />
            <Button
              look="quiet"
              size="icon"
              className="size-8"
              onClick={() => remove(at)}
              aria-label={`Remove criterion ${at + 1}`}
            >
              <X aria-hidden="true" />
            </Button>
          </li>
        ))}
      </ol>
      <Button
        look="quiet"
        size="small"
        className="self-start"
        onClick={() => add(value.length - 1)}
        data-testid="add-criterion"
      >
        <Plus aria-hidden="true" /> Add a criterion
      </Button>
    </fieldset>
  );
}
