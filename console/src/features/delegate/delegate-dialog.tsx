/** Hands a task over: what is wanted, when it is done, where, and by whom. */
import { CornerDownLeft } from "lucide-react";
import { type KeyboardEvent, useRef, useState } from "react";
import { useLocation, useNavigate } from "react-router";
import { toast } from "sonner";
import { sentence } from "@/api/problem";
import { useDelegate } from "@/api/use-delegate";
import { useMaySomewhere } from "@/api/use-may";
import { useMe } from "@/api/use-me";
import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { Field, Input, Text } from "@/components/field";
import { randomKey } from "@/lib/key";
import { useStore } from "@/lib/store";
import { Criteria } from "./criteria";
import { type Draft, draft, EMPTY, type Faults, faultsOf, toRequest } from "./draft";
import { Where } from "./where";

export default function DelegateDialog() {
  const navigate = useNavigate();
  const { search } = useLocation();
  return (
    <Dialog
      open
      onClose={() => navigate(`/runs${search}`)}
      title="Delegate a task"
      description="An agent works on it in a worktree and on a branch of its own; you get a pull request to review."
      testid="delegate-dialog"
    >
      {useMaySomewhere("operate") ? <Form /> : <NotYours />}
    </Dialog>
  );
}

function NotYours() {
  const name = useMe().data?.name;
  return (
    <p className="px-5 py-6 text-ink-soft" data-testid="may-not-delegate">
      As {name} you may not hand over tasks. An admin can make you an operator, everywhere or in a project.
    </p>
  );
}

function Form() {
  const task = useStore(draft);
  const [faults, setFaults] = useState<Faults>({});
  const { send, error, busy } = useSend();
  const change = (part: Partial<Draft>) => {
    draft.set({ ...task, ...part });
    setFaults({});
  };
  const submit = () => {
    const found = faultsOf(task);
    setFaults(found);
    if (Object.keys(found).length === 0) send(task);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit();
  };
  return (
    <form
      noValidate
      className="flex min-h-0 flex-col"
      onKeyDown={onKey}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div className="flex min-h-0 flex-col gap-4 overflow-y-auto px-5 py-4">
        <What task={task} faults={faults} change={change} />
        <Where task={task} faults={faults} change={change} />
      </div>
      <footer className="flex items-center gap-3 border-line border-t px-5 py-3">
        <p role="alert" className="wrap-anywhere flex-1 text-bad text-xs" data-testid="delegate-error">
          {error}
        </p>
        <Button type="submit" look="primary" disabled={busy} data-testid="delegate-submit">
          {busy ? "Handing over…" : "Delegate"} <CornerDownLeft aria-hidden="true" />
        </Button>
      </footer>
    </form>
  );
}

interface WhatProps {
  task: Draft;
  faults: Faults;
  change: (part: Partial<Draft>) => void;
}

function What({ task, faults, change }: WhatProps) {
  return (
    <>
      <Field label="Title" error={faults.title}>
        <Input
          value={task.title}
          onValueChange={(title) => change({ title })}
          maxLength={300}
          autoFocus
          placeholder="What shall be true afterwards, in a line"
          data-testid="title"
        />
      </Field>
      <Field
        label="Objective"
        optional
        hint="Markdown. It becomes TASK.md on the branch, for the agent to read."
      >
        <Text
          value={task.objective}
          onChange={(objective) => change({ objective })}
          rows={7}
          testid="objective"
        />
      </Field>
      <Criteria value={task.criteria} onChange={(criteria) => change({ criteria })} />
      <Field label="Constraints" optional>
        <Text
          value={task.constraints}
          onChange={(constraints) => change({ constraints })}
          rows={2}
          placeholder="What must stay as it is"
          testid="constraints"
        />
      </Field>
    </>
  );
}

/** A second press with the same task carries the same key, so that it cannot hand the task over twice. */
function useSend() {
  const navigate = useNavigate();
  const delegate = useDelegate();
  const last = useRef({ body: "", key: "" });
  const send = (task: Draft) => {
    const body = toRequest(task);
    const text = JSON.stringify(body);
    if (last.current.body !== text) last.current = { body: text, key: randomKey() };
    delegate.mutate(
      { body, headers: { "Idempotency-Key": last.current.key } },
      {
        onSuccess: ({ run_id, pr_number, notes }) => {
          draft.set({ ...EMPTY, project: task.project, repo: task.repo, agent: task.agent });
          toast.success(`Handed over; pull request #${pr_number} is open.`);
          for (const note of notes) toast.info(note, { duration: 10_000 });
          navigate(`/runs/${run_id}`);
        },
      },
    );
  };
  return { send, busy: delegate.isPending, error: delegate.error ? sentence(delegate.error) : "" };
}
