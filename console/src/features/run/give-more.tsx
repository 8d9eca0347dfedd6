/** More of what the run's own budget limits, so that it goes on. */
import { type FormEvent, useState } from "react";
import { toast } from "sonner";
import { sentence } from "@/api/problem";
import type { Run } from "@/api/schema";
import { useGiveMore } from "@/api/use-give-more";
import { useMay } from "@/api/use-may";
import { Button } from "@/components/button";
import { Field, Input } from "@/components/field";

const MEASURES = [
  { name: "minutes", label: "Minutes", step: "any" },
  { name: "usd", label: "US dollars", step: "any" },
  { name: "tokens", label: "Tokens", step: "1" },
] as const;

export function GiveMore({ run }: { run: Run }) {
  const may = useMay("operate", run.project_id);
  const give = useGiveMore();
  const [more, setMore] = useState<Record<string, string>>({});
  const limited = MEASURES.filter(({ name }) => run.budget[name] !== null);
  if (!may || limited.length === 0) return null;
  const body = Object.fromEntries(
    limited.map(({ name }) => [name, Number(more[name])]).filter(([, value]) => Number(value) > 0),
  );
  const go = (event: FormEvent) => {
    event.preventDefault();
    void give.mutateAsync({ params: { path: { run_id: run.id } }, body }).then(
      () => void toast.success("The run goes on."),
      (error: unknown) => void toast.error(sentence(error)),
    );
  };
  return (
    <form onSubmit={go} className="flex flex-wrap items-end gap-3 pt-3" data-testid="give-more">
      {limited.map(({ name, label, step }) => (
        <Field key={name} label={`${label} more`}>
          <Input
            type="number"
            min="0"
            step={step}
            value={more[name] ?? ""}
            onValueChange={(value: string) => setMore({ ...more, [name]: value })}
            className="w-36"
            data-testid={`more-${name}`}
          />
        </Field>
      ))}
      <Button
        look="primary"
        type="submit"
        disabled={give.isPending || Object.keys(body).length === 0}
        data-testid="give"
      >
        Give more and go on
      </Button>
    </form>
  );
}
